// Comforts on top of pages that work without this file: the theme, ages that go on, the zone of the
// browser, fields of the device form that are not needed. Keys are in keys.js, the stream in live.js.

const AGE_MS = 5000
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
}

function chooseTheme(theme) {
  // biome-ignore lint/suspicious/noDocumentCookie: the server draws the next page by it; Cookie Store needs https
  document.cookie = `theme=${theme}; path=/; max-age=${THEME_SECONDS}; samesite=lax`
  document.documentElement.dataset.theme = theme
  for (const button of document.querySelectorAll('[data-theme-choice]')) {
    button.setAttribute('aria-pressed', String(button.dataset.themeChoice === theme))
  }
}

/** Hides what the chosen kind, SNMP version or type of check does not need; the server ignores it either way. */
function fitForm(form) {
  const kind = form.elements.namedItem('kind')?.value
  for (const part of form.querySelectorAll('[data-for-kind]')) {
    part.hidden = !part.dataset.forKind.split(' ').includes(kind)
  }
  for (const part of form.querySelectorAll('[data-under]')) {
    const chosen = form.elements.namedItem(part.dataset.under)?.value
    part.hidden = !part.dataset.underValues.split(' ').includes(chosen)
  }
}

/** Times of the next page are written in this zone. */
function rememberZone() {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions()
  // biome-ignore lint/suspicious/noDocumentCookie: as above
  if (timeZone) document.cookie = `zone=${timeZone}; path=/; max-age=${THEME_SECONDS}; samesite=lax`
}

/** What scrolls sideways and holds nothing to go to must be a place to go to itself (WCAG 2.1.1). */
function fitScrollers() {
  for (const box of document.querySelectorAll('.scroll, .card.flush')) {
    const isStop =
      box.scrollWidth > box.clientWidth && !box.querySelector('a, button, input, select')
    if (!isStop || box.hasAttribute('tabindex')) continue
    const label = box.closest('section')?.querySelector('h2, h3, caption')?.textContent.trim()
    box.tabIndex = 0
    box.setAttribute('role', 'group')
    box.setAttribute('aria-label', label || document.title)
  }
}

function chooseAll(isChosen) {
  for (const box of document.querySelectorAll('[data-row] .col-choose input')) {
    box.checked = isChosen
  }
}

/** A chosen file goes into the field that is sent: the server takes the same text either way. */
async function readFileInto(input) {
  const field = document.getElementById(input.dataset.fileInto)
  const [file] = input.files
  if (field && file) field.value = await file.text()
}

document.addEventListener('click', event => {
  const theme = event.target.closest?.('[data-theme-choice]')
  if (theme) chooseTheme(theme.dataset.themeChoice)
})
document.addEventListener('change', event => {
  if (event.target.matches?.('[data-file-into]')) void readFileInto(event.target)
  if (event.target.matches?.('[data-check-all]')) chooseAll(event.target.checked)
  const form = event.target.closest?.('[data-device-form]')
  if (form) fitForm(form)
})
rememberZone()
fitScrollers()
addEventListener('resize', fitScrollers)
document.addEventListener('htmx:after:swap', fitScrollers)
document.documentElement.dataset.script = 'on'
for (const part of document.querySelectorAll('[data-needs-script]')) part.hidden = false
for (const form of document.querySelectorAll('[data-device-form]')) fitForm(form)
setInterval(tick, AGE_MS)
