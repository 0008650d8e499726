// Parents for the dependencies of alarms, as the links propose them: one button accepts one device's.

import Type from 'typebox'
import { AppError } from '../../model/errors.ts'
import { wouldLoop } from '../../neighbours/parents.ts'
import { checker } from '../../validate.ts'
import { actorOf } from '../actor.ts'
import type { Handler, WebContext } from '../context.ts'
import { say } from '../languages/say.ts'
import { proposedParents } from '../parents.ts'
import { goTo, page } from '../render.ts'

const Id = Type.String({ maxLength: 63 })
const checkQuery = checker(Type.Object({ root: Type.Optional(Id), saved: Type.Optional(Id) }))
const checkBody = checker(
  Type.Object({
    device: Id,
    parents: Type.Union([Id, Type.Array(Id, { maxItems: 20 })]),
    version: Type.String({ pattern: '^[0-9]{1,9}$' }),
    root: Type.Optional(Id),
  }),
)

export function parentsPage(web: WebContext): Handler {
  return async (request, reply) => {
    const checked = checkQuery(request.query)
    const { root = '', saved = '' } = checked.ok ? checked.value : {}
    return page(request, reply, 'map/parents', {
      title: say(request).network.parents,
      saved,
      ...(await proposedParents(web, root)),
    })
  }
}

/** Takes what the person saw, not what the links say by now. */
export function acceptParents(web: WebContext): Handler {
  return async (request, reply) => {
    const checked = checkBody(request.body)
    if (!checked.ok)
      throw new AppError('E_FORM', 'the form is not complete', { errors: checked.errors })
    const { device: id, version, root = '' } = checked.value
    const parents = [...new Set([checked.value.parents].flat())]
    const device = await web.devices.get(id)
    if (!device) throw new AppError('E_DEVICE_UNKNOWN', `there is no device "${id}"`)
    const known = new Map((await web.devices.list()).map(({ config }) => [config.id, config]))
    const missing = parents.find(parent => !known.has(parent))
    if (missing !== undefined) {
      throw new AppError('E_DEVICE_UNKNOWN', `there is no device "${missing}"`)
    }
    if (wouldLoop(id, parents, parent => known.get(parent)?.parents ?? [])) {
      throw new AppError('E_PARENTS_LOOP', `"${id}" would hang on itself`, {
        hint: 'one of these parents hangs on it already: change that one first',
      })
    }
    const config = { ...device.config, parents }
    await web.devices.update(id, config, Number(version), actorOf(request))
    return goTo(request, reply, `/map/parents?${new URLSearchParams({ root, saved: id })}`)
  }
}
