// The messages of the MQTT contract as one JSON Schema, for publishers that are not ours:
// docs/mqtt.schema.json is this file's output (`node server/ingest/jsonschema.ts > docs/mqtt.schema.json`).

import { Ack, Collection, RowsMessage } from '../model/collection.ts'

/** JSON Schema (draft 7) of `samples` (collections), `rows` and `acks`. */
export function mqttJsonSchema(): unknown {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Messages of Pollux on MQTT',
    description:
      'pollux/<site>/devices/<device>/samples/<group>: collection; …/rows/<group>: rows; pollux/<site>/acks/<src>: ack',
    $defs: { collection: Collection, rows: RowsMessage, ack: Ack },
    anyOf: ['collection', 'rows', 'ack'].map(name => ({ $ref: `#/$defs/${name}` })),
  }
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(mqttJsonSchema(), null, 2)}\n`)
