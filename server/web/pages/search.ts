// The page of the search: what is asked lies in the address.

import Type from 'typebox'
import { checker } from '../../validate.ts'
import type { Handler, WebContext } from '../context.ts'
import { say } from '../languages/say.ts'
import { page } from '../render.ts'
import { queryCharsMax, search } from '../search.ts'

const checkQuery = checker(Type.Object({ q: Type.String({ maxLength: queryCharsMax }) }))

export function searchPage(web: WebContext): Handler {
  return async (request, reply) => {
    const checked = checkQuery(request.query)
    const q = checked.ok ? checked.value.q.trim() : ''
    const title = say(request).search.title
    return page(request, reply, 'search', { title, q, ...(await search(web, q)) })
  }
}
