// Messages for tests, and who receives them: web services and mail servers that behave as they are told.

import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { StoredRoute } from '../../server/alarms/notify/route.ts'
import type { Transition } from '../../server/model/alarm.ts'
import type { Notice, NoticeItem } from '../../server/model/notice.ts'
import type { Teardown } from '../parts/find.ts'

export const T0 = 1_795_320_000_000
/** What a hostile device is called. */
export const HOSTILE = 'sw <@U1|x> *bold* [l](http://evil) \u202e\n& <img src=x onerror=alert(1)>'

export const item = (more: Partial<NoticeItem> = {}): NoticeItem => ({
  ...{ kind: 'raised', alarm: 'a1', transition: 1, severity: 'critical', device: 'sw-1' },
  ...{ deviceName: 'Core switch', row: 'Gi1/0/1', rule: 'Link', text: 'the link is down' },
  ...{ value: 'down', limit: 'up', since: T0, at: T0 + 60_000, runbook: 'https://wiki/link' },
  ...more,
})

export const notice = (more: Partial<Notice> = {}): Notice => ({
  ...{ id: 'n1', kind: 'raised', site: 'main', url: 'https://pollux.example' },
  ...{ items: [item()], more: 0 },
  ...more,
})

export const route = (more: Partial<StoredRoute> = {}): StoredRoute => ({
  ...{ id: 'all', version: 1, name: 'All', enabled: true, channels: ['mail'] },
  severities: ['info', 'warning', 'critical'],
  ...{ tags: [], locations: [], kinds: [], devices: [], hours: null },
  ...{ group: '30s', groupBy: 'device', recovery: true, escalate: null, repeat: null },
  perHour: 60,
  ...more,
})

export const transition = (
  id: number,
  alarm: string,
  more: Partial<Transition> & { device?: string; severity?: 'info' | 'warning' | 'critical' } = {},
): Transition => {
  const { device = 'sw-1', severity = 'critical', ...rest } = more
  const to = rest.to ?? 'active'
  return {
    ...{ id, step: 1, from: 'clear', to, at: T0, reason: 'raised', severityBefore: severity },
    alarm: {
      ...{ id: alarm, rule: 'r1', ruleVersion: 1, ruleName: 'Link', device, deviceUid: 1 },
      ...{ deviceName: device, group: 'interface', metric: 'oper', row: null, state: to, severity },
      ...{ text: 'the link is down', value: 'down', limit: 'up', since: T0, raisedAt: T0 },
      ...{ clearedAt: to === 'clear' ? T0 : null, ack: null, flapping: false, steps: 1 },
    },
    ...rest,
  }
}

export interface Heard {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: string
}

export interface Receiver {
  url: string
  port: number
  heard: Heard[]
  /** What comes next; default: 200. */
  answer: (response: ServerResponse, heard: Heard) => void
}

/** A web service on loopback that keeps what it hears. */
export async function startReceiver(t: Teardown): Promise<Receiver> {
  const heard: Heard[] = []
  const receiver: Receiver = { url: '', port: 0, heard, answer: response => response.end('ok') }
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) body += chunk
    const { method = '', url = '', headers } = request
    const one = { method, path: url, headers, body }
    heard.push(one)
    receiver.answer(response, one)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  receiver.port = typeof address === 'object' && address ? address.port : 0
  receiver.url = `http://127.0.0.1:${receiver.port}`
  return receiver
}
