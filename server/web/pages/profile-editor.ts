// The editor of a profile: text on the left, on the right what is wrong with it, what it reads, draws and
// changes, and a try. Nothing typed is lost; of two people who save, the second is told.

import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { DraftTry } from '../../collectors/profile-bench.ts'
import { AppError } from '../../model/errors.ts'
import type { DraftReport } from '../../profiles/draft.ts'
import { checker } from '../../validate.ts'
import { actorOf } from '../actor.ts'
import type { Handler, WebContext } from '../context.ts'
import { problemOf } from '../errors.ts'
import { say } from '../languages/say.ts'
import { textCharsMax } from '../own-profiles.ts'
import { yearBytes } from '../profile-cost.ts'
import { fragment, goTo, isHtmx, page } from '../render.ts'
import { readValues } from './device-fields.ts'

/** Characters of a recording that is tried; larger ones are for the command line. */
const recordingCharsMax = 4 * 1024 * 1024
/** Bytes of a form with one: what a form's coding adds is counted. */
export const EDITOR_BODY_BYTES_MAX = 8 * 1024 * 1024
/** Devices that are offered by name; others can be typed. */
const offeredMax = 200

const TEMPLATE = `{
  "$schema": "./profile.schema.json",
  "title": "",
  "type": "feature",
  "match": [{ "sysObjectID": "1.3.6.1.4.1.99999.*" }],
  "scalars": {
    "my_probe": {
      "title": "Probe",
      "section": "sensors",
      "metrics": {
        "temperature": {
          "title": "Temperature",
          "unit": "Cel",
          "role": "temperature",
          "oid": "1.3.6.1.4.1.99999.1.1.0",
          "scale": 0.1,
          "alarm": { "warning": "> 40", "for": "5m" }
        }
      }
    }
  }
}
`

const Text = Type.Optional(Type.String())
const checkForm = checker(
  Type.Object({
    ...{ id: Text, text: Text, _version: Text, known: Text },
    ...{ do: Text, device: Text, recording: Text },
  }),
)

interface Trouble {
  title: string
  hint: string
}

interface Shown {
  id: string
  text: string
  /** The version that is being changed; 0: it is new here. */
  version: number
  /** Whether the id is fixed. */
  isKnown: boolean
  report?: DraftReport | null
  tried?: (DraftTry & { yearBytes: number }) | null
  trouble?: Trouble | null
  /** What somebody else saved in between. */
  theirs?: string | null
  device?: string
}

export function newProfilePage(web: WebContext): Handler {
  return async (request, reply) => {
    const from = queryOf(request).from ?? ''
    const base = from === '' ? null : await web.ownProfiles.get(from)
    return show(web, request, reply, {
      id: '',
      text: base?.text ?? TEMPLATE,
      version: 0,
      isKnown: false,
    })
  }
}

export function editProfilePage(web: WebContext): Handler {
  return async (request, reply) => {
    const id = idOf(request)
    const stored = await web.ownProfiles.get(id)
    if (!stored) throw unknownProfile(id)
    if (stored.origin === 'folder') {
      throw new AppError('E_PROFILE_FROM_FILE', `"${id}" is a file of the profile folder`, {
        hint: 'change that file, or copy it to a profile of another id',
      })
    }
    const asked = Number(queryOf(request).version)
    const text =
      Number.isInteger(asked) && asked > 0 ? await web.ownProfiles.version(id, asked) : stored.text
    return show(web, request, reply, { id, text, version: stored.version, isKnown: true })
  }
}

/** Checks, or tries, what is typed; nothing is stored. By htmx only the right half comes back. */
export function checkProfile(web: WebContext): Handler {
  return async (request, reply) => {
    const typed = typedOf(request)
    const shown = await looked(web, request, typed)
    if (shown.trouble) reply.code(422)
    return isHtmx(request)
      ? fragment(request, reply, 'profile-editor/_result', partsOf(shown))
      : show(web, request, reply, shown)
  }
}

export function saveProfile(web: WebContext): Handler {
  return async (request, reply) => {
    const typed = typedOf(request)
    try {
      await web.ownProfiles.save(typed, typed.version, actorOf(request))
      return goTo(request, reply, `/profiles/${encodeURIComponent(typed.id)}`)
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      const { status } = problemOf(error)
      if (status >= 500) throw error
      reply.code(error.errors.length > 0 ? 422 : status)
      if (error.code === 'E_PROFILE_CHANGED') return conflict(web, request, reply, typed)
      const shown = await looked(web, request, typed)
      const isListed = error.code === 'E_PROFILE_INVALID' && (shown.report ?? null) !== null
      const trouble = isListed
        ? { title: say(request).profileEditor.notSaved, hint: '' }
        : { title: error.message, hint: error.hint ?? '' }
      return show(web, request, reply, { ...shown, trouble })
    }
  }
}

async function conflict(
  web: WebContext,
  request: FastifyRequest,
  reply: FastifyReply,
  typed: Shown,
): Promise<string> {
  const current = await web.ownProfiles.get(typed.id)
  const { changedTitle, changedHint } = say(request).profileEditor
  return show(web, request, reply, {
    ...typed,
    version: current?.version ?? 0,
    isKnown: true,
    theirs: current?.text ?? null,
    trouble: { title: changedTitle, hint: changedHint },
  })
}

interface Typed extends Shown {
  does: string
  recording: string
}

/** @throws AppError E_FORM for what no form of ours sends */
function typedOf(request: FastifyRequest): Typed {
  const form = checkForm(request.body)
  if (!form.ok) throw new AppError('E_FORM', 'the form is not complete, or has a field twice')
  const values = form.value
  const version = Number(values._version ?? '0')
  return {
    id: (values.id ?? '').trim(),
    // A form sends CRLF: lines and columns are those of the text as it was typed.
    text: (values.text ?? '').replaceAll('\r\n', '\n'),
    version: Number.isInteger(version) && version > 0 ? version : 0,
    isKnown: values.known === 'yes',
    does: values.do ?? 'check',
    device: (values.device ?? '').trim().slice(0, 100),
    recording: values.recording ?? '',
  }
}

/** What is said of the text; a failure is told beside it. */
async function looked(web: WebContext, request: FastifyRequest, typed: Typed): Promise<Shown> {
  const words = say(request).profileEditor
  const draft = { id: typed.id || 'draft', text: typed.text }
  const shown: Shown = { ...typed, report: null, tried: null, trouble: null }
  try {
    if (typed.text.length > textCharsMax) throw new AppError('E_PROFILE', words.tooLarge)
    shown.report = await web.ownProfiles.check(draft)
    if (shown.report.reads === null || typed.does === 'check') return shown
    if (typed.does === 'recording') {
      if (typed.recording.length > recordingCharsMax)
        throw new AppError('E_RECORDING', words.recordingTooLarge)
      shown.tried = withYear(await web.tryProfile.recording(draft, typed.recording), null)
    } else if (typed.does === 'device') {
      const every = (await web.devices.get(typed.device ?? ''))?.config.every ?? null
      shown.tried = withYear(await web.tryProfile.device(draft, typed.device ?? ''), every)
    }
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    shown.trouble = { title: error.message, hint: error.hint ?? '' }
  }
  return shown
}

function withYear(tried: DraftTry, every: string | null): DraftTry & { yearBytes: number } {
  return { ...tried, yearBytes: yearBytes(tried.seriesByInterval, every) }
}

function partsOf({ report = null, tried = null, trouble = null }: Shown) {
  return { report, tried, trouble }
}

async function show(
  web: WebContext,
  request: FastifyRequest,
  reply: FastifyReply,
  shown: Shown,
): Promise<string> {
  const words = say(request).profileEditor
  const { id, text, version, isKnown, theirs = null, device = '' } = shown
  const devices = (await web.devices.list()).filter(({ config }) => config.kind === 'snmp')
  return page(request, reply, 'profile-editor', {
    title: isKnown ? words.editTitle(id) : words.newTitle,
    ...{ id, text, version, isKnown, theirs, device },
    ...partsOf(shown),
    isShipped: web.ownProfiles.isShipped(id),
    offered: devices
      .slice(0, offeredMax)
      .map(({ config }) => ({ id: config.id, name: config.name })),
  })
}

export function restoreProfile(web: WebContext): Handler {
  return async (request, reply) => {
    const id = idOf(request)
    const values = readValues(request.body)
    const text = await web.ownProfiles.version(id, Number(values.version))
    await web.ownProfiles.save({ id, text }, Number(values._version) || 0, actorOf(request))
    return goTo(request, reply, `/profiles/${encodeURIComponent(id)}`)
  }
}

export function deleteProfile(web: WebContext): Handler {
  return async (request, reply) => {
    const id = idOf(request)
    const { _version = '' } = readValues(request.body)
    await web.ownProfiles.remove(id, Number(_version) || 0, actorOf(request))
    const isThere = web.ownProfiles.isShipped(id)
    return goTo(request, reply, isThere ? `/profiles/${encodeURIComponent(id)}` : '/profiles')
  }
}

function idOf(request: FastifyRequest): string {
  const { id } = request.params as { id: string }
  return id
}

function queryOf(request: FastifyRequest): Record<string, string | undefined> {
  return readValues(request.query)
}

function unknownProfile(id: string): AppError {
  return new AppError('E_PROFILE_UNKNOWN', `there is no profile "${id.slice(0, 63)}"`, {
    hint: 'look at the list of profiles',
  })
}
