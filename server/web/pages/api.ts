// The API for people: every call with what it takes and answers, served by Pollux itself.

import { guideOf } from '../api-guide.ts'
import type { Handler, Route } from '../context.ts'
import { say } from '../languages/say.ts'
import { page } from '../render.ts'

export function apiPage(calls: readonly Route[]): Handler {
  const groups = guideOf(calls)
  return (request, reply) => {
    const { title } = say(request).apiGuide
    return page(request, reply, 'api', {
      title,
      groups,
      origin: `${request.protocol}://${request.host}`,
    })
  }
}
