// Goal: every command says how it is used; wrong usage ends with 2 and wrong settings with 1, all of
// them named at once and none of them secret.
import t from 'tap'
import { shell } from './run.ts'

// Each command is a process of its own, and a busy machine starts them slowly.
t.setTimeout(600_000)

/** The names under "Commands:" of a help text. */
function commandsIn(help: string): string[] {
  const list = help.split(/^Commands:$/m)[1] ?? ''
  const names = [...list.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(match => match[1] ?? '')
  return names.filter(name => name !== 'help')
}

t.test('every command has help', async t => {
  const { run } = await shell(t)
  const seen: string[] = []
  const walk = async (words: string[]): Promise<void> => {
    const { code, stdout, stderr } = await run([...words, '--help'])
    const line = ['pollux', ...words].join(' ')
    t.equal(code, 0, `${line} --help`)
    t.equal(stderr, '', line)
    t.ok(stdout.startsWith(`Usage: ${line}`), line)
    seen.push(line)
    const names = commandsIn(stdout)
    // Two at once: a start is mostly compiling.
    for (let at = 0; at < names.length; at += 2)
      await Promise.all(names.slice(at, at + 2).map(name => walk([...words, name])))
  }
  await walk([])
  for (const command of [
    'serve',
    'demo',
    'migrate',
    'user add',
    'user passwd',
    'token add',
    'devices import',
    'devices export',
    'profiles check',
    'secret set',
    'secret list',
  ])
    t.ok(seen.includes(`pollux ${command}`), command)
  const { stdout } = await run(['serve', '--help'])
  for (const name of ['POLLUX_PORT', 'POLLUX_DATABASE_URL', 'POLLUX_ALLOW_NETWORKS'])
    t.match(stdout, name, 'the settings are listed')
  t.match(await run(['--version']), { code: 0, stdout: /^\d+\.\d+\.\d+/ })
})

t.test('wrong usage ends with 2 and says what is right', async t => {
  const { run } = await shell(t)
  const cases = [
    ['nothing-like-it'],
    ['user', 'nothing-like-it'],
    ['user', 'add'],
    ['user', 'add', '--name', 'x', '--role', 'king'],
    ['secret', 'set'],
    ['migrate', '--nothing-like-it'],
  ]
  await Promise.all(
    cases.map(async args => {
      const { code, stderr } = await run(args)
      t.equal(code, 2, args.join(' '))
      t.match(stderr, /Usage: pollux/, args.join(' '))
      t.notMatch(stderr, /\n {4}at /, 'no stack')
    }),
  )
})

t.test('wrong settings: all of them at once, none of them secret', async t => {
  const { run } = await shell(t)
  const env = {
    POLLUX_PORT: 'high',
    POLLUX_SITE: 'A B',
    POLLUX_DATABASE_URL: 'postgres://me:grep-me@host/db',
    POLLUX_ALLOW_NETWORKS: '10.0.0.0/99',
    POLLUX_PROT: '3000',
  }
  for (const command of [['serve'], ['migrate']]) {
    const { code, stdout, stderr } = await run(command, { env })
    t.equal(code, 1, command.join(' '))
    for (const name of Object.keys(env)) t.match(stderr, name, `${name} is named`)
    t.match(stderr, 'serve --help', 'and where the right ones are')
    t.notMatch(stderr + stdout, /grep-me|\n {4}at /)
  }
})
