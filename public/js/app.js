// Comforts on top of pages that work without this file: keys, the theme, ages that go on, fields of
// the device form that are not needed, and a word when the live stream is lost.

const AGE_MS = 5000
/** The server tells a wall something every 5 s. */
const WALL_SILENCE_MS = 20_000
const SEQUENCE_MS = 1500
const THEME_SECONDS = 365 * 24 * 3600

const offset = Number(document.documentElement.dataset.now ?? Date.now()) - Date.now()

/** Texts of scripts in the page's language: `client` of server/web/languages. */
const words = JSON.parse(document.documentElement.dataset.words ?? '{}')

/** As `ageText` of the server. */
function ageText(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds} ${words.second}`
  if (seconds < 3600) return `${Math.round(seconds / 60)} ${words.minute}`
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} ${words.hour}`
  return `${Math.round(seconds / 86_400)} ${words.day}`
}

const timeText = (time, age) => ('ago' in time.dataset ? words.ago.replace('{age}', age) : age)

function tick() {
  const now = Date.now() + offset
  for (const time of document.querySelectorAll('time[data-age]')) {
    const text = timeText(time, ageText(now - Number(time.dataset.age)))
    if (time.textContent !== text) time.textContent = text
  }
  for (const clock of document.querySelectorAll('[data-clock]')) {
    clock.textContent = new Date(now).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
  }
  if ('wall' in document.documentElement.dataset && Date.now() - heardAt > WALL_SILENCE_MS) {
    setLive(false)
  }
}

/** When the stream last said something, on this machine's clock. */
let heardAt = Date.now()

function heard() {
  heardAt = Date.now()
  setLive(true)
}

function chooseTheme(theme) {
  // biome-ignore lint/suspicious/noDocumentCookie: the server draws the next page by it; Cookie Store needs https
  document.cookie = `theme=${theme}; path=/; max-age=${THEME_SECONDS}; samesite=lax`
  document.documentElement.dataset.theme = theme
  for (const button of document.querySelectorAll('[data-theme-choice]')) {
    button.setAttribute('aria-pressed', String(button.dataset.themeChoice === theme))
  }
}

/** Hides what the chosen kind and SNMP version do not need; the server ignores it either way. */
function fitForm(form) {
  const kind = form.elements.namedItem('kind')?.value
  const version = form.elements.namedItem('credentials.version')?.value ?? ''
  for (const part of form.querySelectorAll('[data-for-kind]')) {
    part.hidden = !part.dataset.forKind.split(' ').includes(kind)
  }
  for (const part of form.querySelectorAll('[data-for-version]')) {
    part.hidden = !part.dataset.forVersion.split(' ').includes(version)
  }
}

/** Times of the next page are written in this zone. */
function rememberZone() {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions()
  // biome-ignore lint/suspicious/noDocumentCookie: as above
  if (timeZone) document.cookie = `zone=${timeZone}; path=/; max-age=${THEME_SECONDS}; samesite=lax`
}

function moveRow(step) {
  const links = [...document.querySelectorAll('[data-row] .row-link')]
  const here = links.indexOf(document.activeElement)
  const next = here < 0 ? (step > 0 ? 0 : links.length - 1) : here + step
  links[Math.min(links.length - 1, Math.max(0, next))]?.focus()
}

/** Chooses the row in focus, or takes the choice back. */
function chooseRow() {
  document.activeElement?.closest('[data-row]')?.querySelector('.col-choose input')?.click()
}

function chooseAll(isChosen) {
  for (const box of document.querySelectorAll('[data-row] .col-choose input')) {
    box.checked = isChosen
  }
}

const keysSheet = () => document.getElementById('keys')

const KEYS = {
  '/': () => document.querySelector('[data-key="/"]')?.focus(),
  '?': () => keysSheet()?.showModal(),
  j: () => moveRow(1),
  k: () => moveRow(-1),
  x: chooseRow,
}

let began = 0

/** `g` and then a letter goes to the link of the navigation that names them. */
function onKey(event) {
  const { key, target } = event
  if (event.ctrlKey || event.metaKey || event.altKey || keysSheet()?.open) return
  if (key === 'Escape') return document.activeElement?.blur()
  if (target.closest?.('input, select, textarea, [contenteditable]')) return
  const link =
    Date.now() - began < SEQUENCE_MS
      ? document.querySelector(`a[data-key="g ${CSS.escape(key)}"]`)
      : null
  began = key === 'g' ? Date.now() : 0
  const act = link ? () => link.click() : Object.hasOwn(KEYS, key) ? KEYS[key] : null
  if (!act) return
  event.preventDefault()
  act()
}

/** A chosen file goes into the field that is sent: the server takes the same text either way. */
async function readFileInto(input) {
  const field = document.getElementById(input.dataset.fileInto)
  const [file] = input.files
  if (field && file) field.value = await file.text()
}

/** A picture that no longer moves must not look as if it did. */
function setLive(isLive) {
  document.documentElement.dataset.live = isLive ? 'on' : 'lost'
  const word = document.getElementById('offline')
  if (word) word.hidden = isLive
}

document.addEventListener('htmx:sse:after:connection', heard)
document.addEventListener('htmx:sse:after:message', heard)
document.addEventListener('htmx:sse:error', event => {
  // The session has ended: the page itself leads to the sign-in.
  if (event.detail.status === 401) location.reload()
  setLive(false)
})
document.addEventListener('keydown', onKey)
document.addEventListener('click', event => {
  const theme = event.target.closest?.('[data-theme-choice]')
  if (theme) chooseTheme(theme.dataset.themeChoice)
  if (event.target.closest?.('[data-opens-keys]')) keysSheet()?.showModal()
})
document.addEventListener('change', event => {
  if (event.target.matches?.('[data-file-into]')) void readFileInto(event.target)
  if (event.target.matches?.('[data-check-all]')) chooseAll(event.target.checked)
  const form = event.target.closest?.('[data-device-form]')
  if (form) fitForm(form)
})
rememberZone()
document.documentElement.dataset.script = 'on'
for (const part of document.querySelectorAll('[data-needs-script]')) part.hidden = false
for (const form of document.querySelectorAll('[data-device-form]')) fitForm(form)
setInterval(tick, AGE_MS)
