// A property that nobody thought of, put into the schema of a device before anything reads it.

import Type from 'typebox'
import { DeviceConfig } from '../../server/model/device.ts'

Object.assign(DeviceConfig.properties, {
  rackUnit: Type.Optional(Type.String({ maxLength: 12, pattern: '^[a-z0-9-]+$' })),
})
