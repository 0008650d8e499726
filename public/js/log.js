// The log of a container stays at its newest line while somebody reads there; who has scrolled up is
// left in peace.

const log = document.getElementById('log')
const NEAR_PX = 40
let isAtEnd = true

if (log) {
  const end = () => log.scrollHeight - log.clientHeight
  log.addEventListener('scroll', () => {
    isAtEnd = end() - log.scrollTop < NEAR_PX
  })
  new MutationObserver(() => {
    if (isAtEnd) log.scrollTop = end()
  }).observe(log, { childList: true })
  log.scrollTop = end()
}
