// What Pollux is, its version, and the packages that it is made of with their licences.

import Type from 'typebox'
import { AppError } from '../../model/errors.ts'
import { NODE_MODULES_DIR } from '../../paths.ts'
import { checker } from '../../validate.ts'
import type { Handler, WebContext } from '../context.ts'
import { say } from '../languages/say.ts'
import { createLicences } from '../licences.ts'
import { page } from '../render.ts'

const licences = createLicences(NODE_MODULES_DIR.replace(/[/\\]node_modules[/\\]?$/, ''))
const checkQuery = checker(Type.Object({ name: Type.String(), version: Type.String() }))

export function aboutPage(web: WebContext): Handler {
  return async (request, reply) => {
    const packages = await licences.list()
    const byLicence = Map.groupBy(packages, ({ licence }) => licence)
    return page(request, reply, 'about', {
      title: say(request).about.title,
      version: web.version,
      node: process.versions.node,
      packages,
      kinds: [...byLicence]
        .map(([licence, of]) => ({ licence, count: of.length }))
        .sort((a, b) => b.count - a.count),
    })
  }
}

/** One package's licence as it came; only packages of the list are read. */
export function licenceText(): Handler {
  return async (request, reply) => {
    const asked = checkQuery(request.query)
    const text = asked.ok ? await licences.text(asked.value.name, asked.value.version) : null
    if (text === null) throw new AppError('E_NOT_FOUND', 'no licence comes with such a package')
    return reply.type('text/plain; charset=utf-8').send(text)
  }
}
