// The alarms page, the page of one alarm, and acknowledging: one alarm or many.

import Type from 'typebox'
import type { Alarm, Transition } from '../../model/alarm.ts'
import { AppError } from '../../model/errors.ts'
import { checker } from '../../validate.ts'
import { actorOf, mayDo } from '../actor.ts'
import { alarmLine, alarmListData, deviceAlarms } from '../alarm-lists.ts'
import type { Handler, WebContext } from '../context.ts'
import { say } from '../languages/say.ts'
import { goTo, page } from '../render.ts'
import { toldTrace } from '../told.ts'
import { alarmTrace, momentTrace } from '../why.ts'
import { plainText } from '../words.ts'

/** Transitions on the page of one alarm. */
const stepsMax = 200

const checkId = checker(Type.Object({ id: Type.String({ pattern: '^[A-Za-z0-9_-]{1,22}$' }) }))
const checkDevice = checker(Type.Object({ id: Type.String() }))
const checkQuery = checker(Type.Record(Type.String(), Type.Unknown()))
const checkAck = checker(
  Type.Object({
    id: Type.Optional(
      Type.Union([
        Type.String({ pattern: '^[A-Za-z0-9_-]{1,22}$' }),
        Type.Array(Type.String({ pattern: '^[A-Za-z0-9_-]{1,22}$' }), { maxItems: 1000 }),
      ]),
    ),
    note: Type.Optional(Type.String()),
    back: Type.Optional(Type.String()),
  }),
)
const checkMoment = checker(
  Type.Object({ at: Type.Optional(Type.String({ pattern: '^[0-9T:.Z+-]{1,30}$' })) }),
)

export function alarmsPage(web: WebContext): Handler {
  return async (request, reply) => {
    const asked = checkQuery(request.query)
    return page(request, reply, 'alarms', {
      title: say(request).alarms.title,
      ...(await alarmListData(web, asked.ok ? asked.value : {})),
    })
  }
}

async function knownAlarm(web: WebContext, params: unknown): Promise<Alarm> {
  const checked = checkId(params)
  const alarm = checked.ok ? await web.store.alarms.get(checked.value.id) : null
  if (!alarm) throw new AppError('E_NOT_FOUND', 'there is no such alarm')
  return alarm
}

export function alarmPage(web: WebContext): Handler {
  return async (request, reply) => {
    const alarm = await knownAlarm(web, request.params)
    const steps = await web.store.alarms.transitions({ alarm: alarm.id, limit: stepsMax })
    return page(request, reply, 'alarm', {
      title: plainText(alarm.text, 100),
      line: alarmLine(alarm),
      runbook: plainText(alarm.runbook, 1000),
      steps: steps.map(stepLine),
      trace: [
        ...alarmTrace(web, alarm, steps, say(request)),
        ...(await toldTrace(web, alarm.id, say(request), mayDo(request.viewer, 'notify.write'))),
      ],
    })
  }
}

function stepLine({ id, at, reason, from, to, alarm }: Transition) {
  const ack = reason === 'acknowledged' ? alarm.ack : null
  return {
    ...{ id, at, reason, from, to, severity: alarm.severity },
    value: plainText(alarm.value, 100),
    limit: plainText(alarm.limit, 200),
    rule: alarm.ruleVersion,
    by: ack ? plainText(ack.by, 100) : '',
    note: ack ? plainText(ack.note, 500) : '',
  }
}

export function acknowledgeAlarms(web: WebContext): Handler {
  return async (request, reply) => {
    const checked = checkAck(request.body)
    if (!checked.ok) {
      throw new AppError('E_ACK', 'the acknowledgement is not valid', { errors: checked.errors })
    }
    const { id = [], note = '', back = '' } = checked.value
    await web.alarms.desk.acknowledge(typeof id === 'string' ? [id] : id, note, actorOf(request))
    // Only to our own pages about alarms: never where the form's sender likes.
    const path = /^\/alarms(\/[A-Za-z0-9_-]{1,22}|\?[\w=&%.+-]{0,500})?$/.test(back)
      ? back
      : '/alarms'
    return goTo(request, reply, path)
  }
}

/** "Why?" of a device at any moment, with its alarms around it. */
export function whyPage(web: WebContext): Handler {
  return async (request, reply) => {
    const params = checkDevice(request.params)
    const device = params.ok ? await web.devices.get(params.value.id) : null
    if (!device) throw new AppError('E_NOT_FOUND', 'there is no such device')
    const asked = checkMoment(request.query)
    const at = (asked.ok && momentOf(asked.value.at)) || Date.now()
    const { id, name } = device.config
    return page(request, reply, 'why', {
      title: say(request).why.title(plainText(name, 60)),
      ...{ id, name: plainText(name), at },
      ...(await momentTrace(web, device, at, say(request))),
      ...(await deviceAlarms(web, { id, uid: device.uid })),
    })
  }
}

/** A form's time without a zone is UTC. */
function momentOf(text: string | undefined): number | null {
  if (text === undefined) return null
  if (/^[0-9]{10,15}$/.test(text)) return Number(text)
  const at = Date.parse(/[Z+]|-[0-9]{2}:[0-9]{2}$/.test(text) ? text : `${text}Z`)
  return Number.isNaN(at) ? null : at
}
