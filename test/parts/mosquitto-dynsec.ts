// A private Mosquitto with the dynamic-security plugin, as Debian's package has it: users and rights
// are changed while it runs.

import { execFile } from 'node:child_process'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Credentials } from '../../server/bus/principals.ts'
import { freePort, program, startPart, type Teardown, tempDir } from './find.ts'

const PLUGIN = 'mosquitto_dynamic_security.so'

/** The plugin's file. @throws Error with one sentence where it is absent */
export async function dynsecPlugin(): Promise<string> {
  for (const dir of ['/usr/lib', '/usr/local/lib']) {
    const folders = await readdir(dir).catch(() => [])
    const places = ['.', ...folders.filter(name => name.endsWith('-linux-gnu'))]
    for (const place of places) {
      const file = path.join(dir, place, PLUGIN)
      if (await stat(file).catch(() => null)) return file
    }
  }
  throw new Error(`The tests need ${PLUGIN}: install the Debian package "mosquitto" (or its like).`)
}

/** Waits until something listens there. */
export function listens(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** Makes the first user of a plugin's file, who may change it and every topic of pollux. */
export async function initDynsec(file: string, admin: Credentials): Promise<void> {
  const ctrl = await program('mosquitto_ctrl', 'mosquitto')
  await promisify(execFile)(ctrl, ['dynsec', 'init', file, admin.username, admin.password])
  // As made, it may change the plugin and read, but send nothing.
  const text = await readFile(file, 'utf8')
  const ours = '{"acltype":"publishClientSend","topic":"pollux/#","allow":true}'
  await writeFile(file, text.replace(/("acls":\s*\[)/, `$1${ours},`))
}

export async function startDynsecMosquitto(
  t: Teardown,
): Promise<{ url: string; admin: Credentials }> {
  const binary = await program('mosquitto', 'mosquitto')
  const plugin = await dynsecPlugin()
  const dir = await tempDir(t)
  const port = await freePort()
  const admin = { username: 'pollux', password: 'the first user' }
  await initDynsec(path.join(dir, 'dynsec.json'), admin)
  const config = [
    `listener ${port} 127.0.0.1`,
    'user root',
    'allow_anonymous false',
    `plugin ${plugin}`,
    `plugin_opt_config_file ${path.join(dir, 'dynsec.json')}`,
    'log_dest stderr',
    '',
  ]
  await writeFile(path.join(dir, 'conf'), config.join('\n'))
  const part = await startPart(binary, ['-c', path.join(dir, 'conf')], () => listens(port))
  t.teardown(() => part.stop())
  return { url: `mqtt://127.0.0.1:${port}`, admin }
}
