// Keys. Each one presses a control that is on the page too: `data-key` names the key, the row in
// focus comes before the page, the page before the navigation. Nothing happens while somebody types,
// or with a modifier.

const SEQUENCE_MS = 1500
const ROW_LINKS = '[data-row] .row-link'

const keysSheet = () => document.getElementById('keys')

function moveRow(step) {
  const links = [...document.querySelectorAll(ROW_LINKS)].filter(link => link.checkVisibility())
  const row = document.activeElement?.closest('[data-row]')
  const here = links.findIndex(link => row?.contains(link))
  const next = here < 0 ? (step > 0 ? 0 : links.length - 1) : here + step
  links[Math.min(links.length - 1, Math.max(0, next))]?.focus()
}

/** Chooses the row in focus, or takes the choice back. */
function chooseRow() {
  document.activeElement
    ?.closest('[data-row]')
    ?.querySelector('.col-choose input, input[data-select]')
    ?.click()
}

/** A field or a group of links is gone to, anything else pressed. */
function press(control) {
  if (control.matches('nav')) return control.querySelector('[aria-current], a')?.focus()
  if (control.matches('input:not([type="checkbox"]), select, textarea')) control.focus()
  else control.click()
}

function controlOf(key) {
  const name = `[data-key="${CSS.escape(key)}"]`
  const row = document.activeElement?.closest('[data-row]')
  const controls = [
    ...(row?.querySelectorAll(name) ?? []),
    ...[...document.querySelectorAll(`main ${name}`)].filter(one => !one.closest('[data-row]')),
    ...document.querySelectorAll(`.nav ${name}`),
  ]
  return controls.find(one => one.checkVisibility() && !one.disabled)
}

/** The alarms that are chosen, else the one in focus. */
function acknowledge() {
  const button = controlOf('a')
  if (!button) return
  if (!document.querySelector('input[data-select]:checked')) chooseRow()
  press(button)
}

const KEYS = {
  '?': () => keysSheet()?.showModal(),
  j: () => moveRow(1),
  k: () => moveRow(-1),
  x: chooseRow,
  a: acknowledge,
}

let began = 0

/** `g` and then a letter goes to the link of the navigation that names them. */
function actionOf(key) {
  const isSecond = Date.now() - began < SEQUENCE_MS
  began = key === 'g' ? Date.now() : 0
  const link = isSecond && document.querySelector(`a[data-key="g ${CSS.escape(key)}"]`)
  if (link) return () => link.click()
  if (Object.hasOwn(KEYS, key)) return KEYS[key]
  const control = key.length === 1 ? controlOf(key) : null
  return control ? () => press(control) : null
}

function onKey(event) {
  const { key, target } = event
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return
  if (document.querySelector('dialog[open]')) return
  if (key === 'Escape') return document.activeElement?.blur()
  if (target.closest?.('input:not([type="checkbox"]), select, textarea, [contenteditable]')) return
  const act = actionOf(key)
  if (!act) return
  event.preventDefault()
  act()
}

document.addEventListener('keydown', onKey)
document.addEventListener('click', event => {
  if (event.target.closest?.('[data-opens-keys]')) keysSheet()?.showModal()
})
