// For how long this thread computes without a turn of its event loop, in CPU time: on a busy machine the
// clock counts what other programs take too.

/** Time between two looks, ms. */
const everyMs = 5

/** `end` gives the most CPU that this thread took between two looks, ms: a little more than its longest turn. */
export function watchTurns(): { end(): number } {
  let most = 0
  let before = process.threadCpuUsage()
  const look = () => {
    const now = process.threadCpuUsage()
    const took = now.user + now.system - before.user - before.system
    most = Math.max(most, took / 1000)
    before = now
  }
  const timer = setInterval(look, everyMs)
  return {
    end() {
      clearInterval(timer)
      look()
      return most
    },
  }
}
