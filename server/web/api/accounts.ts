// Accounts on the broker for programs: made, listed and removed. The password is in the answer that
// makes one, and nowhere else.

import Type from 'typebox'
import { HAND_MADE_ROLES, sensorTopicsMax } from '../../bus/account-rights.ts'
import { AppError } from '../../model/errors.ts'
import { checker } from '../../validate.ts'
import type { Route, WebContext } from '../context.ts'
import { call, closed, JSON_TYPE } from './call.ts'

const Body = Type.Object(
  {
    name: Type.String({ maxLength: 100 }),
    role: Type.Union(HAND_MADE_ROLES.map(role => Type.Literal(role))),
    /** Of a sensor: where it sends. */
    topics: Type.Optional(
      Type.Array(Type.String({ maxLength: 1024 }), { maxItems: sensorTopicsMax }),
    ),
    clientId: Type.Optional(Type.String({ maxLength: 128 })),
  },
  closed,
)
const checkBody = checker(Body)

const Params = Type.Object({ username: Type.String({ maxLength: 128 }) }, closed)

export function accountCalls(web: WebContext): Route[] {
  return [
    call({
      method: 'GET',
      path: '/api/v1/accounts',
      permission: 'agents.read',
      summary: 'Accounts on the broker, but those of enrolled agents; without passwords',
      answer: () => web.agents.accounts.list(),
    }),
    call({
      method: 'POST',
      path: '/api/v1/accounts',
      permission: 'agents.write',
      summary:
        'Makes an account on the broker for a sensor, a guest or a poller; its password is told this once',
      status: 201,
      body: { types: [JSON_TYPE], schema: Body },
      async answer({ body, by }) {
        const checked = checkBody(body)
        if (!checked.ok) {
          throw new AppError('E_REQUEST', 'the account is not valid', { errors: checked.errors })
        }
        const { topics = [], ...wish } = checked.value
        return web.agents.accounts.add({ ...wish, topics }, by)
      },
    }),
    call({
      method: 'DELETE',
      path: '/api/v1/accounts/:username',
      permission: 'agents.write',
      summary: 'Ends an account on the broker and cuts it off at once',
      status: 204,
      params: Params,
      async answer({ params, by }) {
        await web.agents.accounts.remove(params.username, by)
      },
    }),
  ]
}
