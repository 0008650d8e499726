// The map of the network: a picture made on the server, and the same links as a list. What is shown lies
// in the address.

import Type from 'typebox'
import { placesMax } from '../../neighbours/layout.ts'
import { checker } from '../../validate.ts'
import type { Handler, WebContext } from '../context.ts'
import { say } from '../languages/say.ts'
import { LINKS_MAX, mapOf } from '../map.ts'
import { networkOf } from '../network.ts'
import { page } from '../render.ts'
import { deviceChoices } from './device-index.ts'

/** From so many places on a picture that fits the page has no room for every name. */
const CROWDED = 80

const checkQuery = checker(
  Type.Object({
    tag: Type.Optional(Type.String({ maxLength: 40 })),
    location: Type.Optional(Type.String({ maxLength: 100 })),
    unknown: Type.Optional(Type.String({ maxLength: 3 })),
    size: Type.Optional(Type.String({ maxLength: 4 })),
  }),
)

export function mapPage(web: WebContext): Handler {
  return async (request, reply) => {
    const checked = checkQuery(request.query)
    const { tag = '', location = '', unknown, size } = checked.ok ? checked.value : {}
    const words = say(request)
    const filter = { tag, location, unknown: unknown !== 'no' }
    const map = await mapOf(await networkOf(web), filter, words)
    const { tags, locations } = await deviceChoices(web)
    const kept = new URLSearchParams()
    if (tag) kept.set('tag', tag)
    if (location) kept.set('location', location)
    if (!filter.unknown) kept.set('unknown', 'no')
    const sized = (to: string) => `/map?${new URLSearchParams([...kept, ['size', to]])}`
    return page(request, reply, 'map', {
      title: words.network.map,
      map,
      filter: { tag, location, isUnknownShown: filter.unknown },
      choices: { tags, locations },
      isFull: size === 'full',
      isCrowded: size !== 'full' && map.marks.length >= CROWDED,
      sizes: { fit: sized('fit'), full: sized('full') },
      placesMax,
      linksMax: LINKS_MAX,
    })
  }
}
