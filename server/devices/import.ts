// A list of devices brought in: first what it would do, line by line, then the same done.

import { isDeepStrictEqual } from 'node:util'
import type { Device, DeviceConfig } from '../model/device.ts'
import { AppError } from '../model/errors.ts'
import type { Actor } from '../model/user.ts'
import type { Devices } from './contract.ts'
import { type ListedDevice, parseDeviceList } from './list-text.ts'

export interface ImportStep {
  line: number
  id: string
  does: 'create' | 'change' | 'nothing' | 'refuse'
  /** Of a change: the fields that become others. */
  changes: { field: string; before: string; after: string }[]
  /** Of a refusal: what is wrong, each with its line. */
  errors: { line: number; path: string; message: string }[]
}

/** What the text would do; nothing is done. @throws AppError E_DEVICE_LIST where it cannot be read */
export function planImport(devices: Devices, text: string, by: Actor): Promise<ImportStep[]> {
  return eachOf(text, listed => planned(devices, listed, by))
}

/** Does what can be done and says what cannot. @throws AppError E_DEVICE_LIST, and nothing is done */
export function importDevices(devices: Devices, text: string, by: Actor): Promise<ImportStep[]> {
  return eachOf(text, async listed => {
    const { step, stored, document } = await planned(devices, listed, by)
    if (!stored) await devices.create(document, by, 'api')
    else if (step.does === 'change') await devices.update(listed.id, document, stored.version, by)
    return { step }
  })
}

async function eachOf(
  text: string,
  act: (listed: ListedDevice) => Promise<{ step: ImportStep }>,
): Promise<ImportStep[]> {
  const steps: ImportStep[] = []
  for (const listed of parseDeviceList(text)) {
    try {
      steps.push((await act(listed)).step)
    } catch (error) {
      if (!(error instanceof AppError) || error.passing) throw error
      steps.push(refused(listed, error))
    }
  }
  return steps
}

async function planned(
  devices: Devices,
  listed: ListedDevice,
  by: Actor,
): Promise<{ step: ImportStep; stored: Device | null; document: Record<string, unknown> }> {
  const { line, id, isPart, problem } = listed
  if (problem !== null) throw new AppError('E_DEVICE_LIST', problem)
  const stored = await devices.get(id)
  const rest = stored?.config ?? { kind: 'snmp' }
  const document = isPart ? { ...rest, ...listed.document } : listed.document
  const { config, hasNewSecret } = await devices.preview(document, by)
  const changes = stored ? changesOf(stored.config, config) : []
  if (stored && hasNewSecret) changes.push({ field: 'secret', before: '', after: 'another one' })
  const does = !stored ? 'create' : changes.length > 0 ? 'change' : 'nothing'
  return { step: { line, id, does, changes, errors: [] }, stored, document }
}

function refused({ line, id, lineOf }: ListedDevice, error: AppError): ImportStep {
  const errors = error.errors.length > 0 ? error.errors : [{ path: '', message: error.message }]
  return {
    line,
    id,
    does: 'refuse',
    changes: [],
    errors: errors.map(({ path, message }) => ({ line: lineOf(path), path, message })),
  }
}

function changesOf(before: DeviceConfig, after: DeviceConfig): ImportStep['changes'] {
  const old: Record<string, unknown> = before
  const next: Record<string, unknown> = after
  const text = (value: unknown) => (value === undefined ? '' : JSON.stringify(value))
  return [...new Set([...Object.keys(old), ...Object.keys(next)])]
    .filter(field => !isDeepStrictEqual(old[field], next[field]))
    .map(field => ({ field, before: text(old[field]), after: text(next[field]) }))
}
