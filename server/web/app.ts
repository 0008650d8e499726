// The web server: plugins in order, then the table of routes. Every route is guarded here and
// nowhere else: who asks, whether the request is forged, whether the role may.

import path from 'node:path'
import cookie from '@fastify/cookie'
import formbody from '@fastify/formbody'
import rateLimit from '@fastify/rate-limit'
import { fastifySSE } from '@fastify/sse'
import fastifyStatic from '@fastify/static'
import view from '@fastify/view'
import { Eta } from 'eta'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify'
import { AppError } from '../model/errors.ts'
import { NODE_MODULES_DIR, PUBLIC_DIR, VIEWS_DIR } from '../paths.ts'
import type { AlarmCounts } from '../store/contract.ts'
import { mayDo } from './actor.ts'
import type { Route, WebContext } from './context.ts'
import { problemOf, sendProblemDocument, sendProblemPage } from './errors.ts'
import { createLiveStreams } from './live.ts'
import { isHtmx } from './render.ts'
import { routes } from './routes.ts'
import {
  assertNotForged,
  assertSecondStep,
  mustSetUp,
  registerSecurityHeaders,
  viewerOf,
} from './security.ts'
import { countDown } from './trouble.ts'

export interface WebOptions {
  web: WebContext
  /** PEM texts; null: plain http. */
  tls: { cert: string; key: string } | null
  trustProxy: string[]
}

const BODY_BYTES_MAX = 1024 * 1024
const REQUEST_MS_MAX = 30_000
/** A row's key in a path, every character of it escaped. */
const PARAM_LENGTH_MAX = 3 * 512
/** For one address; pages with many charts ask often. */
const REQUESTS_PER_MINUTE_MAX = 3000

export async function createWeb({ web, tls, trustProxy }: WebOptions): Promise<FastifyInstance> {
  const loggerInstance: FastifyBaseLogger = web.log
  const app: FastifyInstance = Fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    connectionTimeout: 0,
    trustProxy: trustProxy.length > 0 ? trustProxy : false,
    genReqId: () => crypto.randomUUID(),
    routerOptions: { maxParamLength: PARAM_LENGTH_MAX },
    // What is refused before a route is found: an address that cannot be read.
    frameworkErrors: (error, request, reply) =>
      void sendProblemDocument(request, reply, problemOf(error)),
    ajv: { customOptions: { coerceTypes: 'array', allErrors: true, removeAdditional: false } },
    https: tls,
  })
  const eta = new Eta({ views: VIEWS_DIR, cache: true, debug: false })
  const streams = createLiveStreams(web, eta)

  await registerSecurityHeaders(app, web.secure)
  await app.register(cookie)
  await app.register(formbody, { bodyLimit: BODY_BYTES_MAX })
  registerJson(app)
  await app.register(rateLimit, { max: REQUESTS_PER_MINUTE_MAX, timeWindow: '1 minute' })
  await app.register(fastifySSE, { heartbeatInterval: 15_000 })
  await registerStatic(app)
  await app.register(view, {
    engine: { eta },
    root: VIEWS_DIR,
    viewExt: 'eta',
    production: true,
    options: { async: true },
  })

  app.decorateRequest('viewer', null)
  app.decorateRequest('troubles', null)
  app.decorateRequest('down', null)
  for (const route of routes(web, streams)) addRoute(app, web, route)
  app.setNotFoundHandler(
    { preHandler: app.rateLimit({ max: 300, timeWindow: '1 minute' }) },
    async (request, reply) => {
      request.viewer = await viewerOf(web, request)
      return answerError(
        request,
        reply,
        new AppError('E_NOT_FOUND', `there is no such ${isApi(request) ? 'call' : 'page'}`),
        isApi(request) ? 'api' : 'page',
      )
    },
  )
  app.setErrorHandler(async (error: Error, request, reply) =>
    answerError(request, reply, error, isApi(request) ? 'api' : 'page'),
  )
  app.addHook('preClose', async () => streams.close())
  return app
}

/** JSON and merge patches (RFC 7396); many clients announce JSON even where they send no body. */
function registerJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser<string>(
    ['application/json', 'application/merge-patch+json'],
    { parseAs: 'string' },
    (request, body, done) => (body === '' ? done(null, undefined) : parse(request, body, done)),
  )
}

async function registerStatic(app: FastifyInstance): Promise<void> {
  const shared = {
    // Asked again each time by its ETag: a page of a new version never runs an old script.
    cacheControl: true,
    maxAge: 0,
    index: false as const,
    dotfiles: 'deny' as const,
  }
  await app.register(fastifyStatic, { root: PUBLIC_DIR, prefix: '/public/', ...shared })
  for (const [prefix, folder] of [
    ['/vendor/htmx/', 'htmx.org/dist'],
    ['/vendor/chart/', 'chart.js/dist'],
  ] as const) {
    await app.register(fastifyStatic, {
      root: path.join(NODE_MODULES_DIR, folder),
      prefix,
      decorateReply: false,
      ...shared,
    })
  }
}

function addRoute(app: FastifyInstance, web: WebContext, route: Route): void {
  app.route({
    method: route.method,
    url: route.path,
    ...(route.schema ? { schema: route.schema } : {}),
    ...(route.bodyBytesMax ? { bodyLimit: route.bodyBytesMax } : {}),
    ...(route.kind === 'stream' ? { sse: { kind: 'only' as const, serializer: String } } : {}),
    // The HEAD of a stream would never end.
    exposeHeadRoute: route.kind !== 'stream',
    config: {
      kind: route.kind,
      ...(route.perMinuteMax
        ? { rateLimit: { max: route.perMinuteMax, timeWindow: '1 minute' } }
        : {}),
    },
    onRequest: async request => {
      request.viewer = await viewerOf(web, request)
      if (mayDo(request.viewer, route.permission)) {
        if (route.permission !== 'public' && !route.beforeSecondStep)
          assertSecondStep(web, request.viewer)
        return
      }
      if (!request.viewer) throw new AppError('E_SIGN_IN', 'sign in first')
      throw new AppError('E_FORBIDDEN', `your role (${request.viewer.role}) may not do this`, {
        hint: 'ask an administrator',
      })
    },
    // After the body is parsed: a plain form carries its token there.
    preValidation: async request => assertNotForged(request, request.viewer),
    preHandler: async request => {
      if (route.kind !== 'page' || !request.viewer || mustSetUp(web, request.viewer)) return
      request.troubles = await troublesOf(web)
      request.down = await countDown(web).catch(() => null)
      request.alarms = openAlarms(web)
    },
    handler: route.handler,
  })
}

/** As of a moment ago; null: they cannot be counted. */
function openAlarms(web: WebContext): AlarmCounts | null {
  try {
    return web.alarms.desk.counts()
  } catch {
    return null
  }
}

/** What a page must say above all else: where a part is away, its values and states are old. */
async function troublesOf(web: WebContext): Promise<string[]> {
  try {
    return (await web.health()).filter(part => !part.ok).map(part => part.name)
  } catch (error) {
    web.log.debug({ err: error }, 'how the parts are could not be asked')
    return []
  }
}

type AnswerKind = 'api' | 'page'

const isApi = (request: FastifyRequest): boolean => request.url.startsWith('/api/')

async function answerError(
  request: FastifyRequest,
  reply: FastifyReply,
  error: Error,
  kind: AnswerKind,
): Promise<unknown> {
  const problem = problemOf(error)
  if (problem.status >= 500) request.log.error({ err: error, url: request.url }, 'a request failed')
  if (kind === 'api') return sendProblemDocument(request, reply, problem)
  if (problem.status === 401) return askToSignIn(request, reply)
  if (problem.code === 'E_SECOND_STEP') return askToSetUp(request, reply)
  return sendProblemPage(request, reply, problem)
}

/** A whole page of theirs says what to do; a part of a page, or a change, is refused. */
function askToSetUp(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const target = '/account'
  if (request.routeOptions.config.kind === 'page' && !isHtmx(request))
    return reply.redirect(target, 303)
  return reply
    .code(403)
    .header('HX-Redirect', target)
    .type('text/plain')
    .send('set up the second step first\n')
}

/**
 * A person goes to the sign-in page, and from there back to what was asked for. Scripts that fetch
 * a part of a page get 401 and the same way: a redirect would give them the sign-in page as data.
 */
function askToSignIn(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { kind } = request.routeOptions.config
  const isWholePage = kind === 'page' && !isHtmx(request)
  const asked = request.method === 'GET' && isWholePage ? request.url : '/'
  const target = `/login?next=${encodeURIComponent(asked)}`
  if (isWholePage) return reply.redirect(target, 303)
  return reply.code(401).header('HX-Redirect', target).type('text/plain').send('sign in first\n')
}
