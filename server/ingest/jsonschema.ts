// The messages of the MQTT contract as one JSON Schema, for publishers that are not ours:
// docs/mqtt.schema.json is this file's output (`node server/ingest/jsonschema.ts > docs/mqtt.schema.json`).

import { Ack, Collection, RowsMessage } from '../model/collection.ts'
import { DeviceEvent } from '../model/event.ts'

/** JSON Schema (draft 7) of `samples` (collections), `rows`, `events` and `acks`. */
export function mqttJsonSchema(): unknown {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Messages of Pollux on MQTT',
    description:
      'pollux/<site>/devices/<device>/samples/<group>: collection; …/rows/<group>: rows; …/events: event; pollux/<site>/acks/<src>: ack',
    $defs: { collection: Collection, rows: RowsMessage, event: DeviceEvent, ack: Ack },
    anyOf: ['collection', 'rows', 'event', 'ack'].map(name => ({ $ref: `#/$defs/${name}` })),
  }
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(mqttJsonSchema(), null, 2)}\n`)
