// Goal: every view compiles, writes nothing unescaped that is not a view itself, and holds nothing
// that the Content-Security-Policy forbids; every file that a page links exists.

import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { Eta } from 'eta'
import t from 'tap'
import { NODE_MODULES_DIR, PUBLIC_DIR, VIEWS_DIR } from '../../server/paths.ts'

/** Raw output is for views alone: an include, the body of a layout, a block. */
const RAW_ALLOWED = /^<%~\s*(include(Async)?\(|it\.body\s*%>|block(Async)?\()/
const RAW_CALL = /^<%~\s*(\w+)\(/

/** May be printed as it is: a view, or a view's own short name for including one. */
function isView(raw: string, text: string): boolean {
  const name = RAW_CALL.exec(raw)?.[1]
  return (
    RAW_ALLOWED.test(raw) ||
    new RegExp(
      `const ${name} = (\\w+|\\([^)]*\\)) =>\\s*(\\{[^}]*return )?(include|field)\\(`,
    ).test(text)
  )
}

const files = (await readdir(VIEWS_DIR, { recursive: true })).filter(file => file.endsWith('.eta'))
const eta = new Eta({ views: VIEWS_DIR })
t.ok(files.length > 10, `${files.length} views`)

for (const file of files) {
  t.test(file, async t => {
    const text = await readFile(path.join(VIEWS_DIR, file), 'utf8')
    t.doesNotThrow(() => eta.compile(text, { async: true }), 'compiles')
    for (const [raw] of text.matchAll(/<%~[^%]*%>|<%~[^%]*/g))
      t.ok(isView(raw, text), `raw: ${raw}`)
    t.notMatch(text, /<script(?![^>]*\ssrc=)/i, 'no inline script')
    t.notMatch(text, /<style|\sstyle=/i, 'no inline style')
    t.notMatch(
      text.replaceAll(/<%[\s\S]*?%>/g, ''),
      /\son[a-z]+\s*=|hx-on|javascript:|hx-vals=["']js:|hx-trigger="[^"]*\[/i,
      'no code in attributes',
    )
    t.notMatch(text, /(src|href)="https?:/i, 'nothing from elsewhere')
    for (const [, kind, name] of text.matchAll(/(?:src|href)="\/(public|vendor)\/([^"<]+)"/g)) {
      const vendor: Record<string, string> = { htmx: 'htmx.org/dist', chart: 'chart.js/dist' }
      const [folder = '', ...rest] = (name ?? '').split('/')
      const at =
        kind === 'public'
          ? path.join(PUBLIC_DIR, name ?? '')
          : path.join(NODE_MODULES_DIR, vendor[folder] ?? 'none', ...rest)
      t.ok(existsSync(at), `/${kind}/${name} exists`)
    }
    for (const [, , id] of text.matchAll(
      /(<form[^>]*method="post"[^>]*>)((?:(?!<\/form>)[\s\S])*)/gi,
    )) {
      if (!file.startsWith('login'))
        t.match(id, /name="_csrf"/, 'a form that posts carries its token')
    }
  })
}
