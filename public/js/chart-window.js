// The span of time that a page shows, after somebody zoomed: the URL keeps it, and the tools above the
// charts follow, so that there is a way back. The server writes the same links (server/web/window.ts).

/** The page does not move on with the time: a part was chosen. */
export const isPart = () => new URLSearchParams(location.search).has('from')

const WINDOW = ['range', 'from', 'to', 'compare', 'forecast']

/** A chart's address with the window that the page shows now. */
export function inWindow(href) {
  const url = new URL(href, location.href)
  const now = new URLSearchParams(location.search)
  for (const name of WINDOW) url.searchParams.delete(name)
  for (const name of WINDOW) {
    if (now.has(name)) url.searchParams.set(name, now.get(name))
  }
  return url.pathname + url.search
}

function queryOf(from, to) {
  const query = new URLSearchParams(location.search)
  query.delete('range')
  query.set('from', String(Math.round(from)))
  query.set('to', String(Math.round(Math.min(to, Date.now()))))
  return `?${query}`
}

/** As a field of a local time has it. */
function localText(at) {
  return new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}

/** @param from @param to Unix ms */
export function showPart(from, to) {
  const before = location.search || '?'
  const wasPart = isPart()
  history.pushState(null, '', queryOf(from, to))
  for (const link of document.querySelectorAll('.ranges [aria-current]'))
    link.removeAttribute('aria-current')
  const parts = document.getElementById('window-part')
  if (!parts) return
  parts.hidden = false
  const span = to - from
  const links = {
    earlier: queryOf(from - span, to - span),
    wider: queryOf(from - span / 2, to + span / 2),
    later: queryOf(from + span, to + span),
    ...(wasPart ? {} : { back: before }),
  }
  for (const [name, href] of Object.entries(links)) {
    const link = parts.querySelector(`[data-part="${name}"]`)
    if (!link) continue
    link.href = href
    link.hidden = false
  }
  for (const [name, at] of [
    ['from', from],
    ['to', to],
  ]) {
    const field = document.querySelector(`.window-form input[name="${name}"]`)
    if (field) field.value = localText(at)
  }
}
