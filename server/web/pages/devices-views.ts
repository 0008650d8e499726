// What a person sets up in the list of devices: views by name, one of them to start with, and the
// columns. They are the person's own, so nobody else's audit log hears of them.

import Type from 'typebox'
import { checker } from '../../validate.ts'
import type { Handler, WebContext } from '../context.ts'
import { say } from '../languages/say.ts'
import { page } from '../render.ts'
import { accountOf } from './devices.ts'
import {
  columnsOf,
  columnsText,
  filterOf,
  listHref,
  listQuery,
  WHOLE_LIST,
} from './devices-filter.ts'

/** Views of one person. */
const viewsMax = 50

const Name = Type.String({ minLength: 1, maxLength: 60 })
const checkName = checker(Name)
const checkSave = checker(
  Type.Object({
    name: Type.String({ maxLength: 200 }),
    query: Type.String({ maxLength: 2000 }),
    start: Type.Optional(Type.Literal('yes')),
  }),
)
const checkChange = checker(
  Type.Object({
    name: Name,
    to: Type.Optional(Type.String({ maxLength: 200 })),
    do: Type.Enum(['rename', 'remove', 'default', 'no-default'] as const),
  }),
)
const Columns = Type.Union([Type.String(), Type.Array(Type.String(), { maxItems: 50 })])
const checkColumns = checker(
  Type.Object({
    column: Type.Optional(Columns),
    usual: Type.Optional(Type.Literal('1')),
    back: Type.Optional(Type.String({ maxLength: 2000 })),
  }),
)

type Reply = Parameters<Handler>[1]
type Request = Parameters<Handler>[0]

export function viewsPage(web: WebContext): Handler {
  return async (request, reply) => show(web, request, reply, '')
}

async function show(web: WebContext, request: Request, reply: Reply, problem: string) {
  if (problem) reply.code(422)
  return page(request, reply, 'devices/views', {
    title: say(request).devices.viewsTitle,
    views: await web.store.views.list(accountOf(request)),
    whole: WHOLE_LIST,
    problem,
  })
}

export function saveView(web: WebContext): Handler {
  return async (request, reply) => {
    const account = accountOf(request)
    const words = say(request).devices
    const form = checkSave(request.body)
    const name = form.ok ? nameOf(form.value.name) : null
    if (!form.ok || name === null) return show(web, request, reply, words.viewNameWrong)
    const views = await web.store.views.list(account)
    if (views.length >= viewsMax && !views.some(view => view.name === name))
      return show(web, request, reply, words.viewsMax(viewsMax))
    const filter = filterOf(Object.fromEntries(new URLSearchParams(form.value.query)))
    const query = listQuery(filter, { page: 1 }).toString()
    await web.store.views.put(account, { name, query, isDefault: form.value.start === 'yes' })
    return reply.redirect(query ? `/devices?${query}` : WHOLE_LIST, 303)
  }
}

export function changeView(web: WebContext): Handler {
  return async (request, reply) => {
    const account = accountOf(request)
    const words = say(request).devices
    const { views } = web.store
    const form = checkChange(request.body)
    if (!form.ok) return show(web, request, reply, words.viewGone)
    const { name, do: what } = form.value
    const mine = await views.list(account)
    const view = mine.find(one => one.name === name)
    if (!view) return show(web, request, reply, words.viewGone)
    if (what === 'remove') await views.remove(account, name)
    if (what === 'default' || what === 'no-default')
      await views.put(account, { ...view, isDefault: what === 'default' })
    if (what === 'rename') {
      const to = nameOf(form.value.to ?? '')
      if (to === null) return show(web, request, reply, words.viewNameWrong)
      if (to !== name && !(await views.rename(account, name, to)))
        return show(web, request, reply, words.viewNameTaken)
    }
    return reply.redirect('/devices/views', 303)
  }
}

/** The columns are kept, and in the address: so that it can be sent to somebody. */
export function chooseColumns(web: WebContext): Handler {
  return async (request, reply) => {
    const account = request.viewer?.user?.id
    const form = checkColumns(request.body)
    const { column = [], usual = '', back = '' } = form.ok ? form.value : {}
    const columns = usual ? null : columnsOf([column].flat().join('.'))
    if (account !== undefined)
      await web.store.views.setColumns(account, columns && columnsText(columns))
    const filter = filterOf(Object.fromEntries(new URLSearchParams(back)))
    return reply.redirect(listHref(filter, { columns, page: 1 }), 303)
  }
}

/** null: it is none. */
function nameOf(text: string): string | null {
  const checked = checkName(text.replaceAll(/\s+/g, ' ').trim())
  return checked.ok ? checked.value : null
}
