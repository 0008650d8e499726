// Comforts of the profile editor: numbers beside the lines, the way from a problem to its place, Ctrl+S.
// Without it the form works the same by its buttons.

const form = document.querySelector('[data-profile-editor]')
const text = form?.querySelector('#text')
const lines = form?.querySelector('[data-lines]')

function number() {
  const count = text.value.split('\n').length
  if (Number(lines.dataset.count) !== count) {
    lines.dataset.count = String(count)
    lines.textContent = Array.from({ length: count }, (_, i) => i + 1).join('\n')
  }
  lines.scrollTop = text.scrollTop
}

/** Selects one character, so that the browser scrolls to it. */
function goTo(line, column) {
  const before = text.value.split('\n').slice(0, line - 1)
  const at = before.reduce((sum, one) => sum + one.length + 1, 0) + column - 1
  text.focus()
  text.setSelectionRange(at, at + 1)
  const height = Number.parseFloat(getComputedStyle(text).lineHeight)
  text.scrollTop = Math.max(0, (line - 6) * height)
  number()
}

if (form && text && lines) {
  text.addEventListener('input', number)
  text.addEventListener('scroll', number)
  form.addEventListener('click', event => {
    const place = event.target.closest?.('[data-line]')
    if (!place) return
    event.preventDefault()
    goTo(Number(place.dataset.line), Number(place.dataset.column))
  })
  form.addEventListener('keydown', event => {
    if (event.key !== 's' || !(event.ctrlKey || event.metaKey)) return
    event.preventDefault()
    form.requestSubmit(form.querySelector('.button.primary'))
  })
  number()
}
