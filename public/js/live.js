// How the page and the server get on: what is old because the stream was lost, when it is tried again,
// what is being loaded, what could not be, and whether something is down, in the tab's title and icon.

/** The server tells a wall something every 5 s. */
const WALL_SILENCE_MS = 20_000
const RETRY_FIRST_MS = 500
const RETRY_MS_MAX = 30_000
const html = document.documentElement
const texts = JSON.parse(html.dataset.words ?? '{}')
const isWall = 'wall' in html.dataset

// Each page waits a little differently, so that they do not all come back at once.
htmx.config.sse = {
  reconnectDelay: RETRY_FIRST_MS * (1 + Math.random()),
  reconnectMaxDelay: RETRY_MS_MAX,
  reconnectJitter: 0,
  // Nobody sees a hidden page; a wall is to be right when it is looked at again.
  pauseOnBackground: !isWall,
}

/** When the stream last said something, on this machine's clock. */
let heardAt = Date.now()
/** The stream that is lost, and when it is tried again. */
let lost = null
let refused = 0

/** A picture that no longer moves must not look as if it did. */
function setLive(isLive) {
  html.dataset.live = isLive ? 'on' : 'lost'
  const banner = document.getElementById('offline')
  if (banner) banner.hidden = isLive
}

function heard() {
  heardAt = Date.now()
  lost = null
  refused = 0
  setLive(true)
}

/** As the extension counts: the first wait, doubled each time. */
function onRetry({ detail: { connection } }) {
  if (!connection.attempt) return
  const { reconnectDelay } = htmx.config.sse
  const wait = Math.min(reconnectDelay * 2 ** (connection.attempt - 1), RETRY_MS_MAX)
  lost = { at: Date.now() + wait, retry: () => connection.delayCanceller?.() }
  countDown()
}

/** A stream that was refused at once is no stream to the extension: it is asked for anew. */
function onRefused({ detail: { ctx } }) {
  const element = ctx?.sourceElement
  if (!element?.hasAttribute('hx-sse:connect')) return
  if (ctx.response?.status === 401) return location.reload()
  setLive(false)
  refused++
  const wait = Math.min(htmx.config.sse.reconnectDelay * 2 ** refused, RETRY_MS_MAX)
  let timer = null
  const retry = () => {
    clearTimeout(timer)
    if (!element.isConnected) return
    const fresh = element.cloneNode()
    element.replaceWith(fresh)
    htmx.process(fresh)
  }
  timer = setTimeout(retry, wait)
  lost = { at: Date.now() + wait, retry }
  countDown()
}

function countDown() {
  const left = lost ? Math.max(0, Math.ceil((lost.at - Date.now()) / 1000)) : 0
  for (const place of document.querySelectorAll('[data-countdown]')) {
    const text = left > 0 ? texts.retryIn.replace('{seconds}', left) : texts.retrying
    if (place.textContent !== text) place.textContent = text
  }
}

function tick() {
  if (isWall && Date.now() - heardAt > WALL_SILENCE_MS) setLive(false)
  if (html.dataset.live === 'lost') countDown()
}

/** `2 down · Devices`, and a red icon. */
function showTrouble(down) {
  const title = document.title.replace(/^\d+ [^·]+ · /, '')
  document.title = down > 0 ? `${texts.down.replace('{count}', down)} · ${title}` : title
  const icon = document.querySelector('link[rel="icon"]')
  const wanted = down > 0 ? '/public/icon-trouble.svg' : '/public/icon.svg'
  if (icon && icon.getAttribute('href') !== wanted) icon.setAttribute('href', wanted)
}

/** What a request is about to change; null: it is the stream, or changes no part of the page. */
function panelOf({ detail: { ctx } }) {
  if (!ctx || ctx.sourceElement?.hasAttribute('hx-sse:connect')) return null
  const target = typeof ctx.target === 'string' ? document.querySelector(ctx.target) : ctx.target
  return target instanceof Element && target !== document.body ? target : null
}

function setBusy(event, isBusy) {
  const panel = panelOf(event)
  if (!panel) return
  if (isBusy) panel.setAttribute('aria-busy', 'true')
  else panel.removeAttribute('aria-busy')
}

/** What stands in the panel stays; above it is said that it is old, why, since when, and a way on. */
function sayFailed(event) {
  const panel = panelOf(event)
  if (!panel) return
  const { ctx } = event.detail
  clearFailed(panel)
  const note = document.createElement('div')
  note.className = 'note note-critical panel-error'
  note.setAttribute('role', 'alert')
  const time = new Date().toLocaleTimeString(html.lang)
  const again = document.createElement('button')
  again.className = 'button'
  again.type = 'button'
  again.textContent = texts.tryAgain
  again.addEventListener('click', () => repeat(ctx))
  note.append(`${texts.notLoaded.replace('{time}', time)} `, again)
  panel.before(note)
  panel.dataset.failed = ''
}

function clearFailed(panel) {
  delete panel.dataset.failed
  if (panel.previousElementSibling?.matches('.panel-error')) panel.previousElementSibling.remove()
}

function repeat({ sourceElement, request }) {
  if (!sourceElement.isConnected) return location.reload()
  if (request.method !== 'GET') return sourceElement.click()
  const of = name => sourceElement.getAttribute(name) ?? undefined
  const target = of('hx-target')
  void htmx.ajax('GET', request.action, {
    source: sourceElement,
    target,
    select: of('hx-select'),
    swap: of('hx-swap'),
  })
}

document.addEventListener('htmx:sse:after:connection', heard)
document.addEventListener('htmx:sse:after:message', heard)
document.addEventListener('htmx:sse:before:connection', onRetry)
document.addEventListener('htmx:sse:error', event => {
  // The session has ended: the page itself leads to the sign-in.
  if (event.detail.status === 401) location.reload()
  setLive(false)
})
document.addEventListener('trouble', event => showTrouble(Number(event.detail.data)))
document.addEventListener('htmx:before:request', event => setBusy(event, true))
document.addEventListener('htmx:finally:request', event => setBusy(event, false))
document.addEventListener('htmx:error', sayFailed)
document.addEventListener('htmx:error', onRefused)
document.addEventListener('htmx:response:error', onRefused)
document.addEventListener('htmx:after:request', event => {
  const panel = panelOf(event)
  if (panel && event.detail.ctx.response?.raw.ok) clearFailed(panel)
})
document.addEventListener('click', event => {
  if (event.target.closest?.('[data-try-now]')) lost?.retry()
})
setInterval(tick, 1000)
