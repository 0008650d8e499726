// Goal: the about page names every package with its licence from what is installed, and nothing else can be
// read by it; the settings page shows what `pollux doctor` looks at, and what to mend.

import { chmod } from 'node:fs/promises'
import t from 'tap'
import { as, ask, people } from './people.ts'
import { startTestProgram } from './program.ts'

t.setTimeout(600_000)
const test = await startTestProgram(t)
const { url, dataDir } = test
const { viewer, admin } = await people(test)
const get = (path: string, person = viewer) => ask(url, path, as(url, person))

t.test('packages and their licences', async t => {
  const about = await get('/about')
  t.equal(about.status, 200)
  for (const name of ['fastify', 'htmx.org', '@fastify/cookie', 'pino'])
    t.match(about.body, `<td class="mono">${name}</td>`)
  t.notMatch(about.body, '<td class="mono">typescript</td>', 'not what only building needs')
  const href = /href="(\/about\/licence\?name=fastify&amp;[^"]+)"/.exec(about.body)?.[1] ?? ''
  const licence = await get(href.replaceAll('&amp;', '&'))
  t.equal(licence.status, 200)
  t.match(licence.headers['content-type'], /text\/plain/)
  t.match(licence.body, /Permission is hereby granted/)
  for (const query of [
    'name=../../etc&version=1',
    'name=fastify&version=0.0.0',
    'name=fastify&name=eta&version=1',
    'name=__proto__&version=1',
    '',
  ]) {
    t.equal((await get(`/about/licence?${query}`)).status, 404, query)
  }
  t.equal((await ask(url, '/about')).status, 303, 'not for those who are not signed in')
})

t.test('settings show what is wrong on this machine, and what to mend', async t => {
  const before = await get('/settings', admin)
  t.match(before.body, /Data folder/)
  t.match(before.body, / free of /)
  t.notMatch(before.body, /chmod/)
  await chmod(dataDir, 0o755)
  t.match((await get('/settings', admin)).body, /What to do: chmod 700/)
})
