// A profile as an engineer writes it: what to read from a kind of device and what it means. The
// format in words is docs/profiles.md; this is its shape. Names, expressions and cross references
// are checked by server/profiles, not here. Long, because the parts of one document refer to each
// other, and the JSON Schema for editors is made of them.

import Type, { type Static, type TSchema } from 'typebox'
import { DURATION_PATTERN } from './duration.ts'
import { INVENTORIES } from './neighbour.ts'
import { RETENTION_CLASSES } from './retention.ts'
import { UNITS } from './units.ts'

export const PROFILE_ID_PATTERN = '^_?[a-z0-9][a-z0-9._-]{0,62}$'
export const NAME_PATTERN = '^[a-z][a-z0-9_]{0,47}$'
const OID_PATTERN = '^[0-2](\\.(0|[1-9][0-9]{0,9})){1,127}$'

export const PROFILE_TYPES = ['base', 'feature', 'device'] as const
export const PROFILE_SOURCES = ['snmp', 'docker', 'agent', 'mqtt', 'check'] as const
export const METRIC_KINDS = ['gauge', 'rate', 'total', 'state', 'flags', 'text'] as const
export const SEVERITIES = ['info', 'warning', 'critical'] as const
export const STATE_COLORS = ['ok', 'off', 'unknown'] as const
export const CHART_TYPES = [
  'line',
  'area',
  'stacked',
  'bars',
  'status',
  'gauge',
  'value',
  'table',
] as const

/** Meanings that hold for every vendor: device lists, overview tiles and general rules use these. */
export const ROLES = [
  'uptime',
  'cpu.usage',
  'memory.used',
  'memory.total',
  'memory.percent',
  'storage.used',
  'storage.total',
  'storage.percent',
  'temperature',
  'interface.in',
  'interface.out',
  'interface.speed',
  'interface.status',
  'battery.charge',
  'supply.percent',
] as const
export type Role = (typeof ROLES)[number]

/** Where a group stands on the device page, in this order. */
export const SECTIONS = [
  'system',
  'interfaces',
  'cpu',
  'memory',
  'storage',
  'sensors',
  'power',
  'wireless',
  'printer',
  'routing',
  'containers',
  'inventory',
  'other',
] as const
export type Section = (typeof SECTIONS)[number]

/** How raw values are read; docs/profiles.md says what each one does. */
export const DECODINGS = [
  'auto',
  'number',
  'int32',
  'uint32',
  'text',
  'hex',
  'mac',
  'ip',
  'oid',
  'ticks',
  'datetime',
  'bits',
  'float',
  'intBE',
  'intLE',
] as const
export type Decoding = (typeof DECODINGS)[number]

/** What a device says of itself. */
export const FACTS = [
  'name',
  'vendor',
  'model',
  'serial',
  'version',
  'firmware',
  'hardware',
  'os',
  'type',
  'location',
  'contact',
  'descr',
] as const
export type Fact = (typeof FACTS)[number]

const definitions: Record<string, TSchema> = {}

/** A schema that is written once in the JSON Schema and referred to by name. */
function define<S extends TSchema>(name: string, schema: S) {
  definitions[name] = schema
  return Type.Unsafe<Static<S>>({ $ref: `#/$defs/${name}` })
}

const closed = { additionalProperties: false }
const named = <S extends TSchema>(pattern: string, value: S) =>
  Type.Unsafe<Record<string, Static<S>>>({
    type: 'object',
    patternProperties: { [pattern]: value },
    additionalProperties: false,
  })

const Title = Type.String({ minLength: 1, maxLength: 80 })
const Text = Type.String({ maxLength: 2000 })
const ProfileId = define(
  'profileId',
  Type.String({ pattern: PROFILE_ID_PATTERN, description: 'a profile id, as if-mib' }),
)
const Name = define(
  'name',
  Type.String({ pattern: NAME_PATTERN, description: 'a name of a-z, 0-9 and _' }),
)
const Oid = define(
  'oid',
  Type.String({ pattern: OID_PATTERN, description: 'an OID, as 1.3.6.1.2.1.1.3.0' }),
)
const Oids = define('oids', Type.Union([Oid, Type.Array(Oid, { minItems: 1, maxItems: 8 })]))
const OidPattern = define(
  'oidPattern',
  Type.String({
    pattern: '^[0-2](\\.(0|[1-9][0-9]{0,9}|\\*)){1,127}$',
    description: 'an OID in which * stands for sub-identifiers, as 1.3.6.1.4.1.9.*',
  }),
)
const OidPatterns = Type.Union([OidPattern, Type.Array(OidPattern, { minItems: 1, maxItems: 200 })])
const Path = Type.String({
  pattern: '^[^\\s{}|]{1,200}$',
  description: 'the name of a field of the collector, as cpu.total, or topic:2',
})
const Paths = Type.Union([Path, Type.Array(Path, { minItems: 1, maxItems: 8 })])
const Duration = define(
  'duration',
  Type.String({ pattern: DURATION_PATTERN, description: 'a duration: 30s, 5m, 1h or 1d' }),
)
const Retention = define(
  'retention',
  Type.Enum(RETENTION_CLASSES, {
    description: 'a class of retention: short, default or long',
  }),
)
const Expression = define('expression', Type.String({ minLength: 1, maxLength: 500 }))
const Regex = define('regex', Type.String({ minLength: 1, maxLength: 200 }))
const UnitName = define(
  'unit',
  Type.Unsafe<string>({
    anyOf: [
      { type: 'string', enum: [...UNITS] },
      { type: 'string', pattern: '^\\{[a-z]+\\}(/s)?$' },
    ],
    description: 'a base unit (use "scale" for ms, kB, MHz) or a thing in braces, as {packet}/s',
  }),
)

const matchConditions = {
  sysObjectID: Type.Optional(OidPatterns),
  sysDescr: Type.Optional(Regex),
  exists: Type.Optional(Oids),
}
const MatchConditions = Type.Object(matchConditions, { ...closed, minProperties: 1 })
export type MatchConditionsDoc = Static<typeof MatchConditions>
const Match = define(
  'match',
  Type.Object(
    { ...matchConditions, not: Type.Optional(MatchConditions) },
    { ...closed, minProperties: 1 },
  ),
)
export type MatchDoc = Static<typeof Match>

const Lookup = Type.Object(
  {
    table: Name,
    column: Name,
    by: Type.Optional(Name),
    key: Type.Optional(Type.Array(Expression, { minItems: 1, maxItems: 12 })),
  },
  closed,
)

const Plain = Type.Union([Type.Number(), Type.String()])
const Bound = Type.Union([Type.Number(), Type.Null()])

const decodingSteps = {
  oid: Type.Optional(Oids),
  path: Type.Optional(Paths),
  lookup: Type.Optional(Lookup),
  value: Type.Optional(Expression),
  as: Type.Optional(Type.Enum(DECODINGS)),
  match: Type.Optional(Regex),
  invalid: Type.Optional(Type.Array(Plain, { maxItems: 100 })),
  map: Type.Optional(named('^[\\s\\S]{0,200}$', Plain)),
  scale: Type.Optional(Type.Number({ not: { const: 0 }, description: 'a number that is not 0' })),
  offset: Type.Optional(Type.Number()),
  range: Type.Optional(Type.Array(Bound, { minItems: 2, maxItems: 2 })),
  ifZero: Type.Optional(Type.Enum(['keep', 'next'] as const)),
  rate: Type.Optional(Type.Boolean()),
  every: Type.Optional(Duration),
}
const DecodingSteps = Type.Object(decodingSteps)

/** Something that is read: a source, then a fixed chain of decoding. */
export interface FieldDoc extends Static<typeof DecodingSteps> {
  first?: FieldDoc[]
}

const fieldProperties = {
  ...decodingSteps,
  first: Type.Optional(
    Type.Unsafe<FieldDoc[]>({
      type: 'array',
      items: { $ref: '#/$defs/field' },
      minItems: 1,
      maxItems: 8,
    }),
  ),
}
define('field', Type.Object(fieldProperties, closed))
const Field = Type.Unsafe<FieldDoc>({ $ref: '#/$defs/field' })

const State = Type.Union([
  Type.String({ minLength: 1, maxLength: 60 }),
  Type.Object(
    {
      name: Type.String({ minLength: 1, maxLength: 60 }),
      severity: Type.Optional(Type.Enum(SEVERITIES)),
      color: Type.Optional(Type.Enum(STATE_COLORS)),
    },
    closed,
  ),
])
const StateMap = define('stateMap', named('^[\\s\\S]{1,60}$', State))
export type StateMapDoc = Static<typeof StateMap>

const AlarmRules = Type.Object(
  {
    info: Type.Optional(Expression),
    warning: Type.Optional(Expression),
    critical: Type.Optional(Expression),
    clear: Type.Optional(Expression),
    when: Type.Optional(Expression),
    for: Type.Optional(
      Type.String({ pattern: '^[0-9]{1,7}(s|m|h|d)$', description: 'a duration, as 10m or 0s' }),
    ),
    changed: Type.Optional(Type.Boolean()),
    text: Type.Optional(Type.String({ minLength: 1, maxLength: 300 })),
  },
  { ...closed, minProperties: 1 },
)
const Alarm = define('alarm', Type.Union([Type.Literal(false), AlarmRules]))
export type AlarmDoc = Static<typeof AlarmRules>
/** What a device's config says in place of it, by the metric's full name. */
export const AlarmOverrideFields = Type.Object(
  {
    info: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
    warning: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
    critical: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
    clear: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
    when: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
    for: Type.Optional(Type.String({ pattern: '^[0-9]{1,7}(s|m|h|d)$' })),
    changed: Type.Optional(Type.Boolean()),
    text: Type.Optional(Type.String({ minLength: 1, maxLength: 300 })),
  },
  closed,
)
/** false: no alarm. */
export const AlarmOverride = Type.Union([Type.Literal(false), AlarmOverrideFields])

const metricProperties = {
  title: Title,
  description: Type.Optional(Text),
  unit: Type.Optional(UnitName),
  kind: Type.Optional(Type.Enum(METRIC_KINDS)),
  role: Type.Optional(Type.Enum(ROLES)),
  states: Type.Optional(Type.Union([Name, StateMap])),
  where: Type.Optional(Expression),
  max: Type.Optional(Type.Union([Type.Number({ exclusiveMinimum: 0 }), Expression])),
  resetOn: Type.Optional(Name),
  decimals: Type.Optional(Type.Integer({ minimum: 0, maximum: 6 })),
  alarm: Type.Optional(Alarm),
  chart: Type.Optional(Type.Literal(false)),
}
const MetricOnly = Type.Object(metricProperties)
const Metric = define(
  'metric',
  Type.Unsafe<FieldDoc & Static<typeof MetricOnly>>(
    Type.Object({ ...fieldProperties, ...metricProperties }, closed),
  ),
)
export type MetricDoc = Static<typeof Metric>

const Chart = define(
  'chart',
  Type.Object(
    {
      title: Title,
      metrics: Type.Array(Name, { minItems: 1, maxItems: 40, uniqueItems: true }),
      type: Type.Optional(Type.Enum(CHART_TYPES)),
      per: Type.Optional(Type.Enum(['row', 'group'] as const)),
      mirror: Type.Optional(Type.Array(Name, { maxItems: 40 })),
      ceiling: Type.Optional(Name),
      min: Type.Optional(Type.Number()),
      max: Type.Optional(Type.Number()),
      top: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
      average: Type.Optional(Type.Boolean()),
      step: Type.Optional(Duration),
      order: Type.Optional(Type.Integer()),
      headline: Type.Optional(Type.Boolean()),
    },
    closed,
  ),
)
export type ChartDoc = Static<typeof Chart>

/** How a message is written; docs/sensors.md says what each one gives. */
export const MESSAGE_FORMATS = ['json', 'text', 'csv', 'influx', 'telegraf'] as const

const TopicFilter = Type.String({
  pattern: '^(\\+|[^+#\\s]*)(/(\\+|[^+#]*))*(/#)?$|^#$',
  minLength: 1,
  maxLength: 255,
  description: 'an MQTT topic filter, as tele/+/SENSOR',
})
const Message = define(
  'message',
  Type.Object(
    {
      topic: Type.Optional(
        Type.Union([TopicFilter, Type.Array(TopicFilter, { minItems: 1, maxItems: 20 })]),
      ),
      format: Type.Optional(Type.Enum(MESSAGE_FORMATS)),
      is: Type.Optional(
        named('^[^\\s{}|]{1,200}$', Type.Union([Plain, Type.Array(Plain, { maxItems: 100 })])),
      ),
      rows: Type.Optional(Path),
      row: Type.Optional(Type.Array(Path, { minItems: 1, maxItems: 6 })),
      at: Type.Optional(Path),
      name: Type.Optional(Path),
      separator: Type.Optional(Type.String({ minLength: 1, maxLength: 3 })),
    },
    closed,
  ),
)
/** Which messages a group is made of, and how they are read. */
export type MessageDoc = Static<typeof Message>

const Columns = named(NAME_PATTERN, Field)
const Metrics = named(NAME_PATTERN, Metric)
const Charts = named(NAME_PATTERN, Chart)
const Names = Type.Array(Name, { maxItems: 40 })

const groupProperties = {
  title: Title,
  description: Type.Optional(Text),
  section: Type.Optional(Type.Enum(SECTIONS)),
  order: Type.Optional(Type.Integer()),
  every: Type.Optional(Duration),
  retention: Type.Optional(Retention),
  hidden: Type.Optional(Type.Boolean()),
  refreshOn: Type.Optional(Type.Array(Oid, { maxItems: 8 })),
  replaces: Type.Optional(Names),
  replacedBy: Type.Optional(Names),
  message: Type.Optional(Type.Union([Message, Type.Array(Message, { minItems: 1, maxItems: 20 })])),
  columns: Type.Optional(Type.Union([Name, Columns])),
  charts: Type.Optional(Charts),
}
const ScalarGroup = define(
  'scalarGroup',
  Type.Object({ ...groupProperties, metrics: Metrics }, closed),
)

export const INDEX_PART_PATTERN =
  '^[a-z][a-z0-9_]{0,47}(:(int|ip|ip6|inet|mac|string|string\\*|oid|oid\\*|bytes[1-9][0-9]{0,2}))?$'
const TableGroup = define(
  'tableGroup',
  Type.Object(
    {
      ...groupProperties,
      metrics: Type.Optional(Metrics),
      index: Type.Optional(
        Type.Array(
          Type.String({
            pattern: INDEX_PART_PATTERN,
            description: 'an index part, as if_index, addr:ip or user:string',
          }),
          { maxItems: 12 },
        ),
      ),
      key: Type.Optional(Type.Array(Name, { minItems: 1, maxItems: 12 })),
      name: Type.Optional(
        Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { minItems: 1, maxItems: 12 }),
      ),
      subtitle: Type.Optional(Name),
      labels: Type.Optional(Type.Array(Name, { maxItems: 40, uniqueItems: true })),
      where: Type.Optional(Expression),
      augments: Type.Optional(Name),
      maxRows: Type.Optional(Type.Integer({ minimum: 1, maximum: 50_000 })),
      inventory: Type.Optional(Type.Enum(INVENTORIES)),
    },
    closed,
  ),
)
export type TableGroupDoc = Static<typeof TableGroup>
/** A group of either sort; scalars have none of the keys that only tables have. */
export type GroupDoc = TableGroupDoc

/** A value that a trap or inform brings, and the names of its numbers. */
const NotifiedValue = Type.Union([
  Oid,
  Type.Object(
    { oid: Oid, map: Type.Optional(named('^[\\s\\S]{1,60}$', Type.String({ maxLength: 60 }))) },
    closed,
  ),
])
const Notified = define(
  'notification',
  Type.Object(
    {
      oid: Oid,
      title: Title,
      severity: Type.Optional(Type.Enum(SEVERITIES)),
      values: Type.Optional(named(NAME_PATTERN, NotifiedValue)),
      text: Type.Optional(Type.String({ minLength: 1, maxLength: 300 })),
      row: Type.Optional(Type.Object({ table: Name, value: Name }, closed)),
      poll: Type.Optional(Type.Boolean()),
    },
    closed,
  ),
)
/** What a trap or inform means. */
export type NotificationDoc = Static<typeof Notified>
/** As MIBs write the names of notifications: linkDown. */
export const NOTIFICATION_NAME_PATTERN = '^[A-Za-z][A-Za-z0-9_]{0,63}$'

const TableFact = define(
  'tableFact',
  Type.Object(
    {
      table: Name,
      column: Name,
      where: Type.Optional(Expression),
      match: Type.Optional(Regex),
    },
    closed,
  ),
)
const FactEntry = Type.Union([Type.String({ minLength: 1, maxLength: 255 }), Field, TableFact])
export type FactEntryDoc = Static<typeof FactEntry>
const FactValue = Type.Union([
  Type.String({ minLength: 1, maxLength: 255 }),
  Field,
  TableFact,
  Type.Array(FactEntry, { minItems: 1, maxItems: 12 }),
])
export type FactDoc = Static<typeof FactValue>
const factProperties: Record<string, TSchema> = {}
for (const fact of FACTS) factProperties[fact] = Type.Optional(FactValue)

/** A whole profile file, with everything that it extends already joined into it. */
export const ProfileDoc = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    title: Title,
    description: Type.Optional(Text),
    type: Type.Optional(Type.Enum(PROFILE_TYPES)),
    source: Type.Optional(Type.Enum(PROFILE_SOURCES)),
    extends: Type.Optional(Type.Array(ProfileId, { maxItems: 16, uniqueItems: true })),
    match: Type.Optional(Type.Array(Match, { maxItems: 100 })),
    priority: Type.Optional(Type.Integer({ minimum: -100, maximum: 100 })),
    every: Type.Optional(Duration),
    retention: Type.Optional(Retention),
    snmp: Type.Optional(
      Type.Object(
        {
          bulk: Type.Optional(Type.Boolean()),
          maxRepetitions: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
          maxOidsPerGet: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
          timeout: Type.Optional(Duration),
          retries: Type.Optional(Type.Integer({ minimum: 0, maximum: 5 })),
          allowNonIncreasing: Type.Optional(Type.Boolean()),
        },
        closed,
      ),
    ),
    device: Type.Optional(
      Type.Unsafe<Partial<Record<Fact, FactDoc>>>(Type.Object(factProperties, closed)),
    ),
    states: Type.Optional(named(NAME_PATTERN, StateMap)),
    scalars: Type.Optional(Type.Unsafe<Record<string, GroupDoc>>(named(NAME_PATTERN, ScalarGroup))),
    tables: Type.Optional(Type.Unsafe<Record<string, GroupDoc>>(named(NAME_PATTERN, TableGroup))),
    notifications: Type.Optional(
      Type.Unsafe<Record<string, NotificationDoc>>(named(NOTIFICATION_NAME_PATTERN, Notified)),
    ),
  },
  closed,
)
export type ProfileDoc = Static<typeof ProfileDoc>

/** The named parts that `$ref`s of ProfileDoc point to. */
export const PROFILE_DEFINITIONS: Readonly<Record<string, TSchema>> = definitions
