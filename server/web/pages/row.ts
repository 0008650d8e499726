// The page of one row of a device's table: an interface, a disk, a container.

import type { Handler, WebContext } from '../context.ts'
import { page } from '../render.ts'

export function rowPage(_web: WebContext): Handler {
  return (request, reply) => page(request, reply, 'row', { title: 'Row' })
}
