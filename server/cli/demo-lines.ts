// The demo's lines of syslog: what switches and hosts of the simulated network would say, through a
// relay, as all of them have one address.

import { createSocket } from 'node:dgram'
import type { Program } from '../compose/program.ts'

const everyMs = 20_000
/** Which devices say it, a severity (RFC 5424, section 6.2.1), program, text. */
const LINES: readonly [who: RegExp, severity: number, app: string, text: string][] = [
  [/^(app|db|backup)/, 5, 'sshd', 'Accepted publickey for ops from 192.0.2.17 port 50122 ssh2'],
  [/-sw-/, 5, 'SYS-5-CONFIG_I', 'Configured from console by ops on vty0 (192.0.2.17)'],
  [/^db/, 4, 'kernel', 'EXT4-fs warning (device sdb1): maximal mount count reached'],
  [/^acc/, 3, 'STP', 'BPDU guard disabled port Gi1/0/14'],
  [/^backup/, 6, 'systemd', 'Started Daily backup of the database'],
  [/^ups/, 6, 'upsd', 'Self test passed'],
]

/** @returns how to stop */
export function tellDemoLines({ receiving }: Program, devices: readonly string[]): () => void {
  const socket = createSocket('udp4').unref()
  socket.on('error', () => {})
  let next = 0
  const tell = () => {
    const address = receiving('syslog')?.address
    if (!address) return
    const [who, severity, app, text] = LINES[next % LINES.length] ?? [/./, 6, 'demo', '']
    const hosts = devices.filter(id => who.test(id))
    const host = hosts[Math.floor(next / LINES.length) % hosts.length] ?? '-'
    // Facility local0.
    const line = `<${16 * 8 + severity}>1 ${new Date().toISOString()} ${host} ${app} - - - ${text}`
    socket.send(line, address.port, address.host, () => {})
    next++
  }
  const timer = setInterval(tell, everyMs).unref()
  tell()
  return () => {
    clearInterval(timer)
    socket.close()
  }
}
