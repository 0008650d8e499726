// Every route of Pollux on one screen: method, path, what it needs, who answers. Past 300 lines: it is the
// one table of them.

import { accountCalls } from './api/accounts.ts'
import { agentCalls } from './api/agents.ts'
import { alarmCalls } from './api/alarms.ts'
import { availabilityCall } from './api/availability.ts'
import { deviceCalls } from './api/devices.ts'
import { discoveryCalls } from './api/discovery.ts'
import { eventCalls } from './api/events.ts'
import { forecastCall } from './api/forecasts.ts'
import { healthCall } from './api/health.ts'
import { ingestCall } from './api/ingest.ts'
import { notifyCalls } from './api/notify.ts'
import { openApiCall } from './api/openapi.ts'
import { peopleCalls } from './api/people.ts'
import { profileCalls } from './api/profiles.ts'
import { recordCalls } from './api/records.ts'
import { sampleCalls } from './api/samples.ts'
import { searchCall } from './api/search.ts'
import type { Handler, Route, WebContext } from './context.ts'
import type { LiveStreams } from './live.ts'
import { aboutPage, licenceText } from './pages/about.ts'
import { accountPage, changeLanguage, changePassword } from './pages/account.ts'
import {
  beginTotp,
  confirmTotp,
  endOwnSession,
  endOwnSessions,
  endTotp,
} from './pages/account-security.ts'
import { createAccount, removeAccount } from './pages/accounts.ts'
import { agentsPage, createAgentToken, revokeAgent, withdrawAgentToken } from './pages/agents.ts'
import { acknowledgeAlarms, alarmPage, alarmsPage, whyPage } from './pages/alarms.ts'
import { apiPage } from './pages/api.ts'
import { auditCsv, auditPage } from './pages/audit.ts'
import { availabilityCsv, availabilityPage } from './pages/availability.ts'
import { backupPage, downloadBackup } from './pages/backup.ts'
import { chartCsv, chartData, chartTable } from './pages/chart.ts'
import { logPage } from './pages/container-log.ts'
import { containersPage } from './pages/containers.ts'
import { devicePage, receiptsFragment } from './pages/device.ts'
import {
  createDevice,
  deleteDevice,
  deletePage,
  editPage,
  newPage,
  pauseDevice,
  pollDevice,
  resumeDevice,
  testDevice,
  updateDevice,
} from './pages/device-form.ts'
import { devicesPage } from './pages/devices.ts'
import { bulkDevices } from './pages/devices-bulk.ts'
import { exportCsv, exportJson, importList, importPage } from './pages/devices-import.ts'
import { changeView, chooseColumns, saveView, viewsPage } from './pages/devices-views.ts'
import { addFound, cancelScan, discoveryPage, startScan } from './pages/discovery.ts'
import { changeEventDays, commentDevice, eventsPage } from './pages/events.ts'
import { forecastsPage } from './pages/forecasts.ts'
import { healthText, metricsText, readyText } from './pages/health.ts'
import { login, loginCode, loginPage, logout, openIdCallback, openIdLogin } from './pages/login.ts'
import { createWindow, maintenancePage, removeWindow } from './pages/maintenance.ts'
import { mapPage } from './pages/map.ts'
import { acceptParents, parentsPage } from './pages/map-parents.ts'
import {
  channelPage,
  deleteChannel,
  deleteRoute,
  newChannelPage,
  newRoutePage,
  notifyPage,
  routePage,
  saveChannel,
  saveRoute,
  setHeartbeat,
} from './pages/notify.ts'
import { overviewPage } from './pages/overview.ts'
import {
  checkProfile,
  deleteProfile,
  EDITOR_BODY_BYTES_MAX,
  editProfilePage,
  newProfilePage,
  restoreProfile,
  saveProfile,
} from './pages/profile-editor.ts'
import { profilePage, profilesPage } from './pages/profiles.ts'
import { changeHourlyRows, changeRetention } from './pages/retention.ts'
import { rowPage } from './pages/row.ts'
import {
  deleteRule,
  newRulePage,
  rehearseRule,
  rulePage,
  rulesPage,
  saveRule,
} from './pages/rules.ts'
import { searchPage } from './pages/search.ts'
import { settingsPage } from './pages/settings.ts'
import { createToken, revokeToken, tokensPage } from './pages/tokens.ts'
import {
  changeUser,
  createUser,
  endUserTotp,
  resetUser,
  signOutUser,
  userPage,
  usersPage,
} from './pages/users.ts'
import { deviceMetricsText } from './prometheus/devices.ts'

/** Sign-ins a minute from one address. */
const SIGN_INS_PER_MINUTE_MAX = 20
/** Ways to the sign-in service and back; there is nothing to guess. */
const OPENID_PER_MINUTE_MAX = 120

const beforeSecondStep = true

export function routes(web: WebContext, streams: LiveStreams): Route[] {
  const page = (path: string, permission: Route['permission'], handler: Handler): Route => ({
    method: 'GET',
    path,
    kind: 'page',
    permission,
    handler,
  })
  const fragment = (path: string, permission: Route['permission'], handler: Handler): Route => ({
    method: 'GET',
    path,
    kind: 'fragment',
    permission,
    handler,
  })
  const action = (path: string, permission: Route['permission'], handler: Handler): Route => ({
    method: 'POST',
    path,
    kind: 'page',
    permission,
    handler,
  })
  const text = (path: string, permission: Route['permission'], handler: Handler): Route => ({
    method: 'GET',
    path,
    kind: 'text',
    permission,
    handler,
  })
  const calls = [
    ...deviceCalls(web),
    ...discoveryCalls(web),
    searchCall(web),
    ...agentCalls(web),
    ...accountCalls(web),
    ...sampleCalls(web),
    ...eventCalls(web),
    ...notifyCalls(web),
    ...alarmCalls(web),
    availabilityCall(web),
    forecastCall(web),
    ...profileCalls(web),
    ...peopleCalls(web),
    ...recordCalls(web),
    healthCall(web),
    ingestCall(web),
  ]
  return [
    page('/login', 'public', loginPage(web)),
    { ...action('/login', 'public', login(web)), perMinuteMax: SIGN_INS_PER_MINUTE_MAX },
    { ...action('/login/code', 'public', loginCode(web)), perMinuteMax: SIGN_INS_PER_MINUTE_MAX },
    {
      ...page('/login/openid', 'public', openIdLogin(web)),
      perMinuteMax: OPENID_PER_MINUTE_MAX,
    },
    {
      ...page('/login/openid/callback', 'public', openIdCallback(web)),
      perMinuteMax: OPENID_PER_MINUTE_MAX,
    },
    { ...action('/logout', 'self', logout(web)), beforeSecondStep },
    { ...page('/account', 'self', accountPage(web)), beforeSecondStep },
    { ...action('/account/totp/begin', 'self', beginTotp(web)), beforeSecondStep },
    { ...action('/account/totp/confirm', 'self', confirmTotp(web)), beforeSecondStep },
    action('/account/totp/off', 'self', endTotp(web)),
    action('/account/sessions/end', 'self', endOwnSessions(web)),
    action('/account/sessions/:id/end', 'self', endOwnSession(web)),
    action('/account/password', 'self', changePassword(web)),
    { ...action('/account/language', 'self', changeLanguage(web)), beforeSecondStep },

    page('/', 'devices.read', overviewPage(web)),
    page('/devices', 'devices.read', devicesPage(web)),
    page('/containers', 'devices.read', containersPage(web)),
    page('/devices/new', 'devices.write', newPage(web)),
    action('/devices/test', 'devices.write', testDevice(web)),
    action('/devices', 'devices.write', createDevice(web)),
    action('/devices/bulk', 'devices.write', bulkDevices(web)),
    page('/search', 'devices.read', searchPage(web)),
    page('/map', 'devices.read', mapPage(web)),
    page('/map/parents', 'devices.write', parentsPage(web)),
    action('/map/parents', 'devices.write', acceptParents(web)),
    page('/discovery', 'devices.discover', discoveryPage(web)),
    action('/discovery', 'devices.discover', startScan(web)),
    action('/discovery/cancel', 'devices.discover', cancelScan(web)),
    action('/discovery/devices', 'devices.discover', addFound(web)),
    page('/devices/views', 'devices.read', viewsPage(web)),
    action('/devices/views', 'devices.read', saveView(web)),
    action('/devices/views/change', 'devices.read', changeView(web)),
    action('/devices/columns', 'devices.read', chooseColumns(web)),
    page('/devices/import', 'devices.write', importPage()),
    action('/devices/import', 'devices.write', importList(web)),
    text('/devices/export.json', 'devices.write', exportJson(web)),
    text('/devices/export.csv', 'devices.write', exportCsv(web)),
    page('/devices/:id', 'devices.read', devicePage(web)),
    fragment('/devices/:id/receipts', 'devices.read', receiptsFragment(web)),
    fragment('/devices/:id/charts/:group/:chart', 'devices.read', chartData(web)),
    page('/devices/:id/charts/:group/:chart/table', 'devices.read', chartTable(web)),
    text('/devices/:id/charts/:group/:chart/csv', 'devices.read', chartCsv(web)),
    page('/devices/:id/rows/:group/:row', 'devices.read', rowPage(web)),
    page('/devices/:id/rows/docker_container/:row/log', 'containers.logs', logPage(web)),
    {
      method: 'GET',
      path: '/devices/:id/rows/docker_container/:row/log/stream',
      kind: 'stream',
      permission: 'containers.logs',
      handler: streams.log,
    },
    page('/devices/:id/edit', 'devices.write', editPage(web)),
    action('/devices/:id', 'devices.write', updateDevice(web)),
    action('/devices/:id/pause', 'devices.write', pauseDevice(web)),
    action('/devices/:id/resume', 'devices.write', resumeDevice(web)),
    action('/devices/:id/poll', 'devices.poll', pollDevice(web)),
    action('/devices/:id/comments', 'events.comment', commentDevice(web)),
    page('/devices/:id/delete', 'devices.write', deletePage(web)),
    action('/devices/:id/delete', 'devices.write', deleteDevice(web)),
    {
      method: 'GET',
      path: '/live',
      kind: 'stream',
      permission: 'devices.read',
      handler: streams.handler,
    },

    page('/alarms', 'devices.read', alarmsPage(web)),
    action('/alarms/ack', 'alarms.acknowledge', acknowledgeAlarms(web)),
    page('/alarms/:id', 'devices.read', alarmPage(web)),
    page('/devices/:id/why', 'devices.read', whyPage(web)),
    page('/rules', 'devices.read', rulesPage(web)),
    action('/rules', 'rules.write', saveRule(web)),
    page('/rules/new', 'rules.write', newRulePage(web)),
    { ...action('/rules/rehearse', 'rules.write', rehearseRule(web)), perMinuteMax: 120 },
    page('/rules/:id', 'rules.write', rulePage(web)),
    action('/rules/:id', 'rules.write', saveRule(web)),
    action('/rules/:id/delete', 'rules.write', deleteRule(web)),
    page('/availability', 'devices.read', availabilityPage(web)),
    text('/availability.csv', 'devices.read', availabilityCsv(web)),
    page('/forecasts', 'devices.read', forecastsPage(web)),
    page('/maintenance', 'devices.read', maintenancePage(web)),
    action('/maintenance', 'maintenance.write', createWindow(web)),
    action('/maintenance/:id/delete', 'maintenance.write', removeWindow(web)),

    page('/events', 'devices.read', eventsPage(web)),
    action('/events/kept', 'settings.write', changeEventDays(web)),
    page('/profiles', 'profiles.read', profilesPage(web)),
    page('/profiles/new', 'profiles.write', newProfilePage(web)),
    {
      ...action('/profiles/check', 'profiles.write', checkProfile(web)),
      bodyBytesMax: EDITOR_BODY_BYTES_MAX,
    },
    {
      ...action('/profiles/save', 'profiles.write', saveProfile(web)),
      bodyBytesMax: EDITOR_BODY_BYTES_MAX,
    },
    page('/profiles/:id', 'profiles.read', profilePage(web)),
    page('/profiles/:id/edit', 'profiles.write', editProfilePage(web)),
    action('/profiles/:id/restore', 'profiles.write', restoreProfile(web)),
    action('/profiles/:id/delete', 'profiles.write', deleteProfile(web)),
    page('/settings', 'settings.read', settingsPage(web)),
    page('/settings/backup', 'backup.make', backupPage()),
    action('/settings/backup', 'backup.make', downloadBackup(web)),
    page('/about', 'self', aboutPage(web)),
    page('/api', 'self', apiPage(calls)),
    text('/about/licence', 'self', licenceText()),
    action('/settings/retention', 'settings.write', changeRetention(web)),
    action('/settings/hourly-rows', 'settings.write', changeHourlyRows(web)),

    page('/notifications', 'notify.write', notifyPage(web)),
    action('/notifications/heartbeat', 'notify.write', setHeartbeat(web)),
    page('/notifications/channels/new', 'notify.write', newChannelPage()),
    page('/notifications/channels/:id', 'notify.write', channelPage(web)),
    action('/notifications/channels', 'notify.write', saveChannel(web, 'save')),
    action('/notifications/channels/test', 'notify.write', saveChannel(web, 'test')),
    action('/notifications/channels/:id/delete', 'notify.write', deleteChannel(web)),
    page('/notifications/routes/new', 'notify.write', newRoutePage(web)),
    page('/notifications/routes/:id', 'notify.write', routePage(web)),
    action('/notifications/routes', 'notify.write', saveRoute(web)),
    action('/notifications/routes/:id/delete', 'notify.write', deleteRoute(web)),

    page('/users', 'users.write', usersPage(web)),
    action('/users', 'users.write', createUser(web)),
    page('/users/:id', 'users.write', userPage(web)),
    action('/users/:id', 'users.write', changeUser(web)),
    action('/users/:id/password', 'users.write', resetUser(web)),
    action('/users/:id/sign-out', 'users.write', signOutUser(web)),
    action('/users/:id/totp-off', 'users.write', endUserTotp(web)),
    page('/tokens', 'tokens.write', tokensPage(web)),
    action('/tokens', 'tokens.write', createToken(web)),
    action('/tokens/:name/revoke', 'tokens.write', revokeToken(web)),
    page('/agents', 'agents.read', agentsPage(web)),
    action('/agents/tokens', 'agents.write', createAgentToken(web)),
    action('/agents/withdraw', 'agents.write', withdrawAgentToken(web)),
    action('/agents/revoke', 'agents.write', revokeAgent(web)),
    action('/agents/accounts', 'agents.write', createAccount(web)),
    action('/agents/accounts/remove', 'agents.write', removeAccount(web)),
    page('/audit', 'audit.read', auditPage(web)),
    text('/audit.csv', 'audit.read', auditCsv(web)),

    ...calls,
    openApiCall(calls, web.version),
    text('/healthz', 'public', healthText()),
    text('/readyz', 'public', readyText(web)),
    text('/metrics', 'settings.read', metricsText(web)),
    text('/metrics/devices', 'devices.read', deviceMetricsText(web)),
  ]
}
