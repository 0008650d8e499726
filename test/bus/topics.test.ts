// Topics: what is built can be read again, and nothing else can.
import t from 'tap'
import * as topics from '../../server/bus/topics.ts'

t.test('what is built is parsed to the same parts', async t => {
  const { sampleTopic, rowsTopic, statusTopic, eventTopic, alarmTopic, parseDeviceTopic } = topics
  t.equal(sampleTopic('main', 'sw-1', 'interface'), 'pollux/main/devices/sw-1/samples/interface')
  const expected = { site: 'main', device: 'sw-1' }
  t.same(parseDeviceTopic(sampleTopic('main', 'sw-1', 'if')), {
    ...expected,
    channel: 'samples',
    group: 'if',
  })
  t.same(parseDeviceTopic(rowsTopic('main', 'sw-1', 'if')), {
    ...expected,
    channel: 'rows',
    group: 'if',
  })
  t.same(parseDeviceTopic(statusTopic('main', 'sw-1')), {
    ...expected,
    channel: 'status',
    group: null,
  })
  t.same(parseDeviceTopic(eventTopic('main', 'sw-1')), {
    ...expected,
    channel: 'events',
    group: null,
  })
  t.same(parseDeviceTopic(eventTopic('main', 'sw-1', 'docker')), {
    ...expected,
    channel: 'events',
    group: 'docker',
  })
  t.equal(parseDeviceTopic('pollux/main/devices/sw-1/events/docker/x'), null)
  t.notOk(topics.mayRetain(eventTopic('main', 'sw-1', 'docker')))
  for (const kind of [undefined, 'docker'] as const)
    t.ok(topics.topicMatches(topics.eventsFilter('main'), eventTopic('main', 'sw-1', kind)))
  t.same(parseDeviceTopic(alarmTopic('main', 'sw-1', 'Ab')), {
    ...expected,
    channel: 'alarms',
    group: 'Ab',
  })
  t.same(topics.parseAckTopic(topics.ackTopic('main', 's')), { site: 'main', src: 's' })
  t.same(topics.parseCommandTopic(topics.commandTopic('main', topics.ALL_NODES)), {
    site: 'main',
    node: 'all',
  })
  t.same(topics.parseReceiptTopic(topics.receiptTopic('main', 'd')), { site: 'main', device: 'd' })
  t.same(topics.parseNodeTopic(topics.nodeTopic('main', 'n')), { site: 'main', node: 'n' })
})

t.test('what could not have been built is no topic of ours', async t => {
  for (const topic of [
    '',
    'pollux',
    'pollux/main/devices/a',
    'pollux/main/devices/a/samples',
    'pollux/main/devices/a/samples/b/c',
    'pollux/main/devices/a/status/b',
    'pollux/main/devices/a/other/b',
    'pollux/main/devices//samples/b',
    'pollux/main/devices/a b/samples/c',
    'pollux/main/devices/+/samples/c',
    'other/main/devices/a/samples/b',
    `pollux/main/devices/${'a'.repeat(129)}/samples/b`,
  ]) {
    t.equal(topics.parseDeviceTopic(topic), null, topic)
  }
  for (const name of ['', 'a/b', '+', '#', 'a b', 'ä', 'x'.repeat(129)]) {
    t.throws(() => topics.sampleTopic('main', name, 'g'), { code: 'E_TOPIC' }, name)
  }
})

t.test('filters match as the standard says', async t => {
  const cases: [string, string, boolean][] = [
    ['a/b', 'a/b', true],
    ['a/b', 'a/b/c', false],
    ['a/+', 'a/b', true],
    ['a/+', 'a', false],
    ['a/+', 'a/b/c', false],
    ['a/+/c', 'a//c', true],
    ['a/#', 'a', true],
    ['a/#', 'a/b/c', true],
    ['#', 'a/b', true],
    ['#', '$SYS/a', false],
    ['+/a', '$SYS/a', false],
    ['$SYS/#', '$SYS/a', true],
    ['$share/g/a/+', 'a/b', true],
  ]
  for (const [filter, topic, matches] of cases) {
    t.equal(topics.topicMatches(filter, topic), matches, `${filter} ${topic}`)
  }
  const sample = topics.sampleTopic('main', 'd', 'g')
  t.ok(topics.topicMatches(topics.samplesFilter('main'), sample))
  t.ok(topics.topicMatches(topics.sharedFilter('ingest', topics.samplesFilter('main')), sample))
  t.notOk(topics.topicMatches(topics.rowsFilter('main'), sample))
  t.notOk(topics.topicMatches(topics.samplesFilter('other'), sample))
})
