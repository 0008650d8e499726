// Adding, changing and deleting a device.

import type { Handler, WebContext } from '../context.ts'
import { goTo, page } from '../render.ts'

const form = (_web: WebContext): Handler => async (request, reply) =>
  page(request, reply, 'device-form', { title: 'Device' })
const back = (_web: WebContext): Handler => async (request, reply) => goTo(request, reply, '/devices')

export const newPage = form
export const editPage = form
export const testDevice = form
export const createDevice = back
export const updateDevice = back
export const deletePage = form
export const deleteDevice = back
export const pauseDevice = back
export const resumeDevice = back
export const pollDevice = back
