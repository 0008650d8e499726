// The page of one device, the data of its charts, and the receipt of its last change.

import { AppError } from '../../model/errors.ts'
import type { Handler, WebContext } from '../context.ts'
import { page } from '../render.ts'

export function devicePage(_web: WebContext): Handler {
  return (request, reply) => page(request, reply, 'device', { title: 'Device' })
}

export function chartData(_web: WebContext): Handler {
  return async () => {
    throw new AppError('E_NOT_FOUND', 'there is no such chart')
  }
}

export function receiptsFragment(_web: WebContext): Handler {
  return async () => {
    throw new AppError('E_NOT_FOUND', 'there is no such device')
  }
}
