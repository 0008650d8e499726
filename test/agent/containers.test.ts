// Goal: `pollux agent --docker` on a host where only the agent runs: its containers are on its own page and
// in the list of all, whether it said so when it enrolled or began later; an engine that hangs or goes
// costs the host not one beat, and does not make it look down.

import { createServer, type Socket } from 'node:net'
import path from 'node:path'
import t, { type Test } from 'tap'
import { containersOf } from '../../server/cli/agent-docker.ts'
import { silentLog } from '../parts/broker.ts'
import { startDockerd } from '../parts/dockerd.ts'
import { tempDir, until } from '../parts/find.ts'
import { installation, pollux, spawnCommand } from '../system/server.ts'
import { Shown, startApi } from '../web/caller.ts'
import { countingSource, enrolled, started } from './hosts.ts'

t.setTimeout(600_000)

/** Takes connections, and whatever comes on them, and says nothing. */
async function silentEngine(t: Test): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => undefined).resume()
  })
  const socketPath = path.join(await tempDir(t), 'silent.sock')
  await new Promise<void>(resolve => server.listen(socketPath, resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `unix://${socketPath}`
}

t.test('containers of a host with an agent', async t => {
  const [dockerd, api] = await Promise.all([startDockerd(t), startApi(t)])
  const { url } = api.test
  const { cookie } = await api.test.signIn()
  const page = async (where: string) =>
    (await fetch(`${url}${where}`, { headers: { cookie } })).text()
  const profiles = async (device: string) => {
    const { body } = await api.ask('GET', `/devices/${device}`)
    return JSON.stringify(body).match(/"profiles":\["agent"[^\]]*\]/)?.[0]
  }
  const cell = async (device: string, metric: string, row: string | null) => {
    if ((await api.ask('GET', `/devices/${device}`)).status !== 200) return undefined
    const { samples } = await api.latest(device)
    return samples.find(one => one.metric === metric && (row === null || one.row === row))
  }
  const token = async () => {
    const answer = await api.ask('POST', '/agents/tokens', { body: {} })
    return /"token":"([^"]+)"/.exec(answer.text)?.[1] ?? ''
  }
  const both = '"profiles":["agent","docker-container"]'
  await dockerd.run('web', ['-m', '64m'], 'while :; do :; done')

  await t.test('by the command, which says so when it enrols', async t => {
    const where = await installation(t)
    const dir = path.join(where.dir, 'agent')
    const args = ['agent', '--data', dir, '--every', '1s', '--name', 'dock']
    const way = ['--server', url, '--token', await token()]
    const refused = await pollux(where, [...args, ...way, '--docker=ssh://ops@host'])
    t.equal(refused.code, 1)
    t.match(refused.stderr, /own host, not one over ssh[\s\S]*--docker alone/)
    const nothing = await pollux(where, [...args, ...way, '--docker=/var/run/docker.sock'])
    t.match(nothing, { code: 1, stderr: /not the address of a Docker engine/ })
    t.match((await pollux(where, ['agent', '--help'])).stdout, /--docker \[address\]/)
    const agent = spawnCommand(t, where, [...args, ...way, `--docker=${dockerd.address}`])
    await until(
      async () => (await cell('dock', 'docker_container.state', 'web'))?.value === 0,
      'it',
    )
    await until(
      async () => Number((await cell('dock', 'docker_container.cpu', 'web'))?.value) > 1,
      'a rate of it',
    )
    t.equal((await cell('dock', 'docker_container.memory_limit', 'web'))?.value, 64 * 2 ** 20)
    t.equal(await profiles('dock'), both)
    t.match(await page('/containers'), /\/dock\/[^"]*web/, 'in the list of all')
    t.match(await page('/devices/dock'), /docker_container/, 'on its own page')
    const own = await page('/devices/dock/rows/docker_container/web')
    t.match(own, /<h1[\s\S]*web/)
    t.notMatch(own, 'docker_container/web/log', 'its log is out of reach')
    await dockerd.run('soon', [], 'while :; do sleep 1; done')
    await until(
      async () => (await cell('dock', 'docker_container.state', 'soon'))?.value === 0,
      'it',
    )
    const happened = async (...what: RegExp[]) => {
      const { text } = await api.ask('GET', '/events?device=dock')
      return what.every(one => one.test(text))
    }
    await dockerd.docker('rename', 'soon', 'later')
    await until(() => happened(/"start"/, /soon is now named later/), 'its start and its new name')
    await dockerd.run('brief', [], 'exit 3')
    await until(() => happened(/brief ended with code 3/), 'its end')
    await dockerd.docker('rm', '-f', 'web')
    await dockerd.run('web', ['-m', '32m'], 'while :; do sleep 1; done')
    await until(
      () => happened(/"recreated"/, /web was made again of the same image/),
      'its remaking',
    )
    await until(
      async () => (await cell('dock', 'docker_container.memory_limit', 'web'))?.value === 2 ** 25,
      'its history goes on',
    )
    const row = await page('/devices/dock/rows/docker_container/web')
    t.match(row, /made again/, 'told on its page')
    const ended = await agent.stop()
    t.equal(ended.code, 0, ended.stderr)
  })

  await t.test('by an agent that enrolled without', async t => {
    const identity = await enrolled(url, await token(), 'later')
    t.equal(await profiles('later'), '"profiles":["agent"]')
    const extra = await containersOf(dockerd.address, '1s', silentLog)
    const agent = await started(t, identity, { extra })
    await until(async () => (await profiles('later')) === both, 'its containers on its page')
    await until(async () => (await page('/containers')).includes('/later/'), 'in the list of all')
    await until(() => agent.sender.ledger.stored > 20, 'acknowledgements')
    t.equal(agent.sender.ledger.refused, 0)
    await agent.close()
  })

  await t.test('an engine that hangs, and one that is not there', async t => {
    const engines = [await silentEngine(t), 'unix:///nowhere/docker.sock']
    for (const [i, address] of engines.entries()) {
      const name = `bad-${i}`
      const identity = await enrolled(url, await token(), name)
      const extra = await containersOf(address, '1s', silentLog)
      const host = countingSource()
      const agent = await started(t, identity, { extra, source: host.source })
      await until(async () => (await profiles(name)) === both, 'its first read that failed')
      const beats = host.beats
      await until(() => host.beats > beats + 20, 'the beats of the host go on')
      await until(
        async () => Number((await cell(name, 'host_load.one', null))?.value) > beats,
        'and are stored',
      )
      t.equal((await api.ask('GET', `/devices/${name}`)).as(Shown).status.state, 'up')
      const { text } = await api.ask('GET', `/events?device=${name}`)
      t.notMatch(text, /"down"/, 'and it never was down')
      await agent.close()
    }
  })
})
