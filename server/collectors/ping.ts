// One ICMP echo by the system's own `ping`: whether a host that is silent is there at all. Where there
// is no ping, or it may not be used, it says nothing and costs nothing.

import { spawn } from 'node:child_process'
import { isIP } from 'node:net'

/** Echoes under way at once in this thread. */
const pingsMax = 4
/**
 * Starting a process stops this thread for some 10 ms: a site that goes away as a whole must not
 * stop it for longer. So many may start at once, then one in so many ms.
 */
const startsMax = 4
const startEveryMs = 1000
/** What ping waits for the answer, s; and when it is ended whatever it does, ms. */
const answerSeconds = 1
const pingMsMax = 2000

/** `unknown`: there is no ping here, or it failed; `busy`: too many others are asked just now. */
export type PingAnswer = 'answers' | 'silent' | 'unknown' | 'busy'

/** Never rejects. @param address a numeric address that may be polled; of anything else, `unknown` */
export type Ping = (address: string) => Promise<PingAnswer>

/**
 * @param command another program that takes the same arguments; for tests
 * @param now monotonic ms
 */
export function createPing(command = 'ping', now: () => number = () => performance.now()): Ping {
  let underWay = 0
  let isAbsent = false
  let starts = startsMax
  let refilledAt = now()

  const mayStart = (): boolean => {
    starts = Math.min(startsMax, starts + (now() - refilledAt) / startEveryMs)
    refilledAt = now()
    return underWay < pingsMax && starts >= 1
  }

  const echo = (address: string) =>
    new Promise<PingAnswer>(resolve => {
      const args = ['-n', '-q', '-c', '1', '-W', String(answerSeconds), '--', address]
      const child = spawn(command, args, {
        stdio: 'ignore',
        env: { PATH: process.env.PATH, LC_ALL: 'C' },
        timeout: pingMsMax,
        killSignal: 'SIGKILL',
      })
      // A thread that ends does not wait for it.
      child.unref()
      child.once('error', error => {
        isAbsent ||= 'code' in error && (error.code === 'ENOENT' || error.code === 'EACCES')
        resolve('unknown')
      })
      // iputils and busybox: 0 an answer came, 1 none did, else it could not be asked.
      child.once('exit', code =>
        resolve(code === 0 ? 'answers' : code === 1 ? 'silent' : 'unknown'),
      )
    })

  return async address => {
    if (isAbsent || isIP(address) === 0) return 'unknown'
    if (!mayStart()) return 'busy'
    starts--
    underWay++
    try {
      return await echo(address)
    } catch {
      // No memory or no process to be had: says nothing of the host.
      return 'unknown'
    } finally {
      underWay--
    }
  }
}
