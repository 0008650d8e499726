// A time limit on something that cannot be aborted. The call goes on; nobody waits for it any more.

/** @throws DOMException TimeoutError after `ms`, which names `what` */
export async function within<T>(call: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new DOMException(`${what} did not answer within ${ms} ms`, 'TimeoutError')),
      ms,
    )
  })
  try {
    return await Promise.race([call, limit])
  } finally {
    clearTimeout(timer)
  }
}
