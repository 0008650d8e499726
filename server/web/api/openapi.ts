// GET /api/v1/openapi.json: the calls as OpenAPI 3.1 has them, made from the same declarations that
// check the requests. The shapes of answers are in docs/api.md.

import Type from 'typebox'
import { can, ROLES } from '../../model/user.ts'
import type { Route } from '../context.ts'
import { call } from './call.ts'

/** RFC 9457, with our additions. */
const Problem = Type.Object({
  type: Type.String(),
  status: Type.Integer(),
  title: Type.String(),
  detail: Type.Optional(Type.String()),
  code: Type.String(),
  instance: Type.String(),
  errors: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))),
})

const REFUSED = {
  description: 'Refused: what is wrong, as a problem document',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
}

export function openApiCall(calls: readonly Route[], version: string): Route {
  const document = openApi(calls, version)
  return call({
    method: 'GET',
    path: '/api/v1/openapi.json',
    permission: 'self',
    summary: 'This description',
    answer: async () => document,
  })
}

function openApi(calls: readonly Route[], version: string): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const route of calls) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [String(route.method).toLowerCase()]: operation(route) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Pollux', version },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    paths,
    components: {
      schemas: { Problem },
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  }
}

function operation({ description, permission, schema }: Route): object {
  const { summary = '', status = 200, type = 'application/json', body } = description ?? {}
  const roles = ROLES.filter(role => can(role, permission))
  const content =
    body && Object.fromEntries(body.types.map(type => [type, { schema: body.schema }]))
  return {
    summary,
    description: `For ${roles.join(', ')}.`,
    parameters: [
      ...parameters('path', schema?.params),
      ...parameters('query', schema?.querystring),
    ],
    ...(content ? { requestBody: { required: true, content } } : {}),
    responses: {
      [status]: {
        description: summary,
        ...(status === 204 ? {} : { content: { [type]: {} } }),
      },
      default: REFUSED,
    },
  }
}

function parameters(place: 'path' | 'query', schema: object | undefined): object[] {
  if (!schema || !('properties' in schema)) return []
  const required = 'required' in schema && Array.isArray(schema.required) ? schema.required : []
  return Object.entries(schema.properties ?? {}).map(([name, of]) => ({
    name,
    in: place,
    required: required.includes(name),
    schema: of,
  }))
}
