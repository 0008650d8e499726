// Goal: the last minute's figures are those of the last minute, also after silence.
import t from 'tap'
import { createRecent } from '../../server/ingest/recent.ts'

t.test('rates and shares over what has passed, at most a minute', async t => {
  let now = 5_000_000
  const recent = createRecent(() => now)
  t.same(recent.summary(), {
    ...{
      messagesPerSecond: 0,
      samplesPerSecond: 0,
      commitMs: null,
      acceptShare: 0,
      commitShare: 0,
    },
  })
  for (let second = 0; second < 10; second++) {
    recent.add('messages', 2)
    recent.add('samples', 200)
    recent.add('acceptMs', 100)
    recent.add('commitMs', 250)
    recent.add('batches', 1)
    now += 1000
  }
  t.same(recent.summary(), {
    ...{
      messagesPerSecond: 2,
      samplesPerSecond: 200,
      commitMs: 250,
      acceptShare: 0.1,
      commitShare: 0.25,
    },
  })
  now += 45_000
  t.match(recent.summary(), { messagesPerSecond: 20 / 55, commitMs: 250 })
  now += 10_000
  t.match(recent.summary(), { messagesPerSecond: 8 / 60 }, 'the oldest six seconds are out')
  now += 3_600_000
  t.match(recent.summary(), { messagesPerSecond: 0, commitMs: null, commitShare: 0 }, 'silence')
  recent.add('messages', 6)
  t.match(recent.summary(), { messagesPerSecond: 0.1 })
})
