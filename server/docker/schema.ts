// The Engine API's answers, as far as they are used, checked where they come in: field names and
// meanings are those of the Docker Engine API reference, v1.41 to v1.51. Unknown keys are ignored.

import Type, { type Static, type TSchema } from 'typebox'

/** Containers of one list that are read; more are counted as dropped. */
export const containersMax = 1000
/** The year 2100, Unix s: an event that says to be of later would be where the stream begins again. */
const secondsMax = 4_102_444_800

/** Go writes an empty slice, map or pointer as null as well as leaving it out. */
const Maybe = <T extends TSchema>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()]))

const Count = Type.Number({ minimum: 0 })
const Labels = Type.Record(Type.String(), Type.String())

/** GET /version */
export const VersionAnswer = Type.Object({
  Version: Type.String(),
  ApiVersion: Type.String(),
  Os: Type.Optional(Type.String()),
  Arch: Type.Optional(Type.String()),
  KernelVersion: Type.Optional(Type.String()),
})
export type VersionAnswer = Static<typeof VersionAnswer>

/** GET /info */
export const InfoAnswer = Type.Object({
  Name: Maybe(Type.String()),
  Containers: Count,
  ContainersRunning: Count,
  ContainersPaused: Count,
  ContainersStopped: Count,
  Images: Count,
  NCPU: Maybe(Count),
  MemTotal: Maybe(Count),
  SystemTime: Maybe(Type.String()),
  OperatingSystem: Maybe(Type.String()),
  KernelVersion: Maybe(Type.String()),
  Architecture: Maybe(Type.String()),
  ServerVersion: Maybe(Type.String()),
  CgroupVersion: Maybe(Type.String()),
  Warnings: Maybe(Type.Array(Type.String())),
})
export type InfoAnswer = Static<typeof InfoAnswer>

/** One entry of GET /containers/json */
export const ListedContainer = Type.Object({
  Id: Type.String({ pattern: '^[0-9a-f]{12,64}$' }),
  Names: Maybe(Type.Array(Type.String())),
  Image: Maybe(Type.String()),
  ImageID: Maybe(Type.String()),
  /** Unix s. */
  Created: Maybe(Type.Number()),
  State: Maybe(Type.String()),
  Labels: Maybe(Labels),
})
export type ListedContainer = Static<typeof ListedContainer>
export const ListAnswer = Type.Array(ListedContainer)

/** GET /containers/ID/json. The answer also holds environment and arguments: engine.ts drops them. */
export const InspectAnswer = Type.Object({
  RestartCount: Maybe(Count),
  State: Type.Object({
    Status: Type.String(),
    ExitCode: Maybe(Type.Number()),
    OOMKilled: Maybe(Type.Boolean()),
    StartedAt: Maybe(Type.String()),
    Health: Maybe(Type.Object({ Status: Maybe(Type.String()) })),
  }),
})
export type InspectAnswer = Static<typeof InspectAnswer>

/** GET /images/ID/json: `name@sha256:…` where it came from a registry, or went to one. */
export const ImageAnswer = Type.Object({ RepoDigests: Maybe(Type.Array(Type.String())) })

const BlockEntry = Type.Object({ op: Type.String(), value: Count })
const Network = Type.Object({ rx_bytes: Count, tx_bytes: Count })

/** GET /containers/ID/stats: the same keys for cgroup v1 and v2, but within memory_stats.stats. */
export const StatsAnswer = Type.Object({
  read: Type.String(),
  pids_stats: Maybe(Type.Object({ current: Maybe(Count) })),
  cpu_stats: Type.Object({
    cpu_usage: Type.Object({ total_usage: Count, percpu_usage: Maybe(Type.Array(Count)) }),
    system_cpu_usage: Maybe(Count),
    online_cpus: Maybe(Count),
    throttling_data: Maybe(Type.Object({ throttled_time: Maybe(Count) })),
  }),
  memory_stats: Maybe(
    Type.Object({
      usage: Maybe(Count),
      limit: Maybe(Count),
      stats: Maybe(Type.Record(Type.String(), Type.Unknown())),
    }),
  ),
  networks: Maybe(Type.Record(Type.String(), Network)),
  blkio_stats: Maybe(Type.Object({ io_service_bytes_recursive: Maybe(Type.Array(BlockEntry)) })),
})
export type StatsAnswer = Static<typeof StatsAnswer>

const Sized = Type.Object({ Size: Maybe(Type.Number()) })

/** GET /system/df: sizes in bytes; a volume whose size is not known has -1. */
export const DiskAnswer = Type.Object({
  LayersSize: Maybe(Type.Number()),
  Images: Maybe(Type.Array(Sized)),
  Containers: Maybe(Type.Array(Type.Object({ SizeRw: Maybe(Type.Number()) }))),
  Volumes: Maybe(
    Type.Array(Type.Object({ UsageData: Maybe(Type.Object({ Size: Maybe(Type.Number()) })) })),
  ),
  BuildCache: Maybe(
    Type.Array(Type.Object({ Size: Maybe(Type.Number()), Shared: Maybe(Type.Boolean()) })),
  ),
})
export type DiskAnswer = Static<typeof DiskAnswer>

/** One line of GET /events. Attributes are the container's labels too; few of them are looked at. */
export const EventLine = Type.Object({
  Type: Maybe(Type.String()),
  Action: Maybe(Type.String()),
  Actor: Maybe(
    Type.Object({
      ID: Maybe(Type.String()),
      Attributes: Maybe(Type.Record(Type.String(), Type.String())),
    }),
  ),
  /** Unix s, and the same in ns: beyond 2^53, so that it is only good to about 0.2 us. */
  time: Maybe(Type.Number({ minimum: 0, maximum: secondsMax })),
  timeNano: Maybe(Type.Number({ minimum: 0, maximum: secondsMax * 1e9 })),
})
export type EventLine = Static<typeof EventLine>
