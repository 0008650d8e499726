// Goal: every text that a page or a handler asks for exists in every language, none is kept that nobody
// asks for, and a translation is one. The language is the person's choice, else the browser's.

import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { PUBLIC_DIR, VIEWS_DIR } from '../../server/paths.ts'
import { en } from '../../server/web/languages/en.ts'
import { DICTIONARIES } from '../../server/web/languages/say.ts'
import { startTestProgram } from './program.ts'

type Tree = { [key: string]: unknown }

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null

/** `login.title` and its text, as a function gives it for made-up values. */
function textsOf(tree: Tree, at = ''): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]): [string, string][] => {
    const name = at === '' ? key : `${at}.${key}`
    if (isTree(value)) return textsOf(value, name)
    if (typeof value === 'function') return [[name, String(value(7, 8, 9, 10))]]
    return [[name, String(value)]]
  })
}

/** A word, a sign or a unit may be the same in both; a sentence may not. */
const isSentence = (text: string) => /\p{L}{2,} \p{L}{2,}/u.test(text)

async function sources(): Promise<{ file: string; text: string }[]> {
  const found: { file: string; text: string }[] = []
  for (const [dir, ending] of [
    [VIEWS_DIR, '.eta'],
    [path.join(VIEWS_DIR, '../server/web'), '.ts'],
    [path.join(PUBLIC_DIR, 'js'), '.js'],
  ] as const) {
    for (const file of await readdir(dir, { recursive: true })) {
      if (!file.endsWith(ending) || /^languages.(en|fr)\.ts$/.test(file)) continue
      found.push({ file, text: await readFile(path.join(dir, file), 'utf8') })
    }
  }
  return found
}

/** `say.a.b`, and `words.b` where the file says `words = it.say.a`. */
function usesOf(text: string): string[] {
  const paths = (name: string) =>
    [...text.matchAll(new RegExp(`${name}((?:\\.\\w+)+)`, 'g'))].map(([, found = '']) =>
      found.slice(1),
    )
  const aliases = [...text.matchAll(/\b(\w+) = it\.say((?:\.\w+)+)/g)]
  const isWhole = aliases.some(([, alias]) => alias === 'say')
  return [
    ...paths(isWhole ? '\\bit\\.say' : '\\bsay(?:\\(\\w+\\))?'),
    ...aliases.flatMap(([, alias, of = '']) =>
      paths(`(?<![.\\w])${alias}`).map(name => `${of.slice(1)}.${name}`),
    ),
  ]
}

/** The text or the section of a name; what is asked of a text (`.length`) is no name any more. */
function valueAt(tree: Tree, name: string): unknown {
  let at: unknown = tree
  for (const key of name.split('.')) {
    if (typeof at === 'string' || typeof at === 'function' || Array.isArray(at)) return at
    at = isTree(at) && Object.hasOwn(at, key) ? at[key] : undefined
  }
  return at
}

t.test('every text that is asked for is there, and every text is asked for', async t => {
  const files = await sources()
  for (const { file, text } of files.filter(one => one.file.endsWith('.eta'))) {
    for (const name of usesOf(text)) t.not(valueAt(en, name), undefined, `${file}: ${name}`)
  }
  const all = files.map(one => one.text).join('\n')
  const used = files.flatMap(({ text }) => usesOf(text))
  for (const [name] of textsOf(en)) {
    const [section = '', ...rest] = name.split('.')
    // Handlers take a section apart; a text that is picked by a computed key is its section's.
    const isUsed =
      used.some(one => one === name || name.startsWith(`${one}.`)) ||
      all.includes(`.${section}[`) ||
      (new RegExp(`\\b${section}\\b`).test(all) &&
        new RegExp(`\\.${rest.at(-1) ?? section}\\b`).test(all))
    t.ok(isUsed, `${name} is used`)
  }
})

for (const [language, dictionary] of Object.entries(DICTIONARIES)) {
  if (language === 'en') continue
  t.test(`${language} says all that English says, in its own words`, async t => {
    const english = new Map(textsOf(en))
    const own = textsOf(dictionary)
    t.same(own.map(([name]) => name).sort(), [...english.keys()].sort(), 'the same texts')
    for (const [name, text] of own) {
      if (english.get(name) !== '') t.not(text.trim(), '', `${name} says something`)
      if (isSentence(text)) t.not(text, english.get(name), `${name} is translated`)
      t.notMatch(text, /undefined|\[object/, `${name} is a text`)
    }
  })
}

t.test('the language of a page', async t => {
  const test = await startTestProgram(t)
  const ask = async (headers: Record<string, string>) => {
    const answer = await fetch(`${test.url}/login`, { headers })
    return {
      language: /<html lang="([^"]+)"/.exec(await answer.text())?.[1],
      vary: answer.headers.get('vary'),
    }
  }
  for (const [header, language] of [
    ['fr', 'fr'],
    ['fr-CA,fr;q=0.9,en;q=0.8', 'fr'],
    ['en;q=0.1, fr;q=0.2', 'fr'],
    ['de, fr;q=0.5, en;q=0.4', 'fr'],
    ['fr;q=0, en', 'en'],
    ['de, es', 'en'],
    ['*', 'en'],
    [';;q=,,en;q=x', 'en'],
    [`${'x,'.repeat(5000)}fr`, 'en'],
    ['constructor', 'en'],
  ] as const) {
    const found = await ask({ 'accept-language': header })
    t.equal(found.language, language, header.slice(0, 40))
    t.match(found.vary, /Accept-Language/)
  }
  const cookie = async (text: string) =>
    (await ask({ 'accept-language': 'en', cookie: text })).language
  t.equal(await cookie('language=fr'), 'fr', 'a cookie is stronger than the browser')
  t.equal(await cookie('language=../../x; zone=Nowhere/Land'), 'en', 'an unknown one is nothing')
})
