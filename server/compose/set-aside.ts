// Where the parts tell what they did not take, and how the settings page shows it.

import {
  isSetAsideReason,
  SET_ASIDE_REASONS,
  type SetAside,
  type SetAsideEntry,
  type SetAsideRegister,
} from '../model/setaside.ts'

/** Sensors name their reasons by themselves: some of them are words of ingest too. */
export function ofSensors(
  register: SetAside,
): (reason: string, topic: string, payload: Uint8Array) => void {
  return (reason, topic, payload) => {
    const named = `sensor-${reason}`
    const detail = `a sensor’s message: ${reason}`
    const known = isSetAsideReason(named) ? named : 'sensor-format'
    register.note(known, { topic, payload, detail })
  }
}

/** A row for each reason: how often, the last example, and what to do. */
export function setAsideRows(
  register: SetAsideRegister,
): { name: string; value: string; meaning: string }[] {
  const entries = register.list()
  if (entries.length === 0) {
    return [{ name: 'Set aside', value: 'nothing', meaning: 'messages that were not taken' }]
  }
  return entries.map(entry => ({
    name: `Set aside: ${entry.reason}`,
    value: exampleOf(entry),
    meaning: SET_ASIDE_REASONS[entry.reason],
  }))
}

function exampleOf({ count, at, topic, sender, detail, excerpt }: SetAsideEntry): string {
  const time = new Date(at).toISOString().slice(0, 19).replace('T', ' ')
  const example = [
    topic && `on ${topic}`,
    sender && `from ${sender}`,
    detail,
    excerpt && `it began with ${excerpt}`,
  ]
  const times = count === 1 ? 'once' : `${count.toLocaleString('en')} times`
  return `${times}, last ${time} UTC: ${example.filter(Boolean).join('; ')}`
}
