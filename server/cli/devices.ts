// `pollux devices`: configs out to JSON and in again. Secrets leave as their names alone.

import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { Command } from 'commander'
import { createAudit } from '../audit.ts'
import { deviceConfig, invalid } from '../devices/document.ts'
import { type ListedDevice, parseDeviceList } from '../devices/list-text.ts'
import { createVault } from '../devices/vault.ts'
import { AppError } from '../model/errors.ts'
import type { Store } from '../store/contract.ts'
import { CLI_ACTOR, openSecrets, withStore } from './open.ts'
import { fail, print, printJson } from './output.ts'

export function devicesCommand(): Command {
  const command = new Command('devices').description('device configs out as JSON, and in again')
  command
    .command('export')
    .description('all device configs as one JSON array on standard output')
    .action(() =>
      withStore(async ({ store }) => {
        const devices = await store.devices.list()
        print(
          JSON.stringify(
            devices.map(device => device.config),
            null,
            2,
          ),
        )
      }),
    )
  command
    .command('import')
    .description(
      'add or change devices from a file: JSON, CSV, or an export of LibreNMS, Zabbix or Prometheus; - is standard input',
    )
    .argument('<file>')
    .option('--json', 'answer as JSON')
    .action((file: string, options: { json?: boolean }) =>
      withStore(async ({ store, config }) => {
        const listed = parseDeviceList(await contentOf(file))
        const vault = createVault(store.secrets, await openSecrets(config))
        const done = { created: 0, updated: 0, refused: 0 }
        for (const one of listed) {
          try {
            done[await importOne(store, vault, one)]++
          } catch (error) {
            done.refused++
            fail(
              error instanceof AppError
                ? new AppError(
                    error.code,
                    `${file}, line ${one.line}, ${one.id}: ${error.message}`,
                    {
                      errors: error.errors,
                    },
                  )
                : error,
            )
          }
        }
        if (options.json) printJson(done)
        else print(`${done.created} created, ${done.updated} updated, ${done.refused} refused`)
      }),
    )
  return command
}

async function contentOf(file: string): Promise<string> {
  if (file === '-') return text(process.stdin)
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new AppError('E_FILE', `${file} cannot be read`, { cause })
  }
}

async function importOne(
  store: Store,
  vault: ReturnType<typeof createVault>,
  { id, document, isPart, problem }: ListedDevice,
): Promise<'created' | 'updated'> {
  if (problem !== null) throw new AppError('E_DEVICE_LIST', problem)
  const known = isPart ? await store.devices.get(id) : null
  const whole = isPart ? { kind: 'snmp', ...known?.config, ...document } : document
  const { config, sealed } = vault.name(deviceConfig(whole))
  const missing = await vault.missing(config, sealed)
  if (missing.length > 0) throw invalid(missing)
  const stored = await store.devices.get(config.id)
  const foreign = stored ? [] : await vault.foreign(config, sealed)
  if (foreign.length > 0) throw invalid(foreign)
  const device = stored
    ? await store.devices.update(config, stored.version, Date.now(), sealed)
    : await store.devices.create(config, 'api', Date.now(), sealed)
  await createAudit(store.audit).record(
    CLI_ACTOR,
    stored ? 'device.update' : 'device.create',
    `device:${config.id}`,
    {
      before: stored?.config,
      after: device.config,
    },
  )
  return stored ? 'updated' : 'created'
}
