// Uses npm xen-api as it is against a platform, and prints what it has seen as one line of JSON for each transport.
// Arguments: the folder in which xen-api is installed, the platform's URL, and whether to watch `events` or to make
// `calls` only. Standard input: {user, password}.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const [folder, url, what] = process.argv.slice(2)
const watches = what === 'events'
const auth = JSON.parse(readFileSync(0, 'utf8'))
const require = createRequire(pathToFileURL(folder + '/'))
const { createClient } = await import(pathToFileURL(folder + '/node_modules/xen-api/index.mjs'))
const { CancelToken } = require('promise-toolbox')

const NO_FAILURE = 'no failure'
const failureOf = async promise => {
  try {
    await promise
  } catch (error) {
    return error.params === undefined ? String(error.message) : [error.code, ...error.params]
  }
  return NO_FAILURE
}

const client = (transport, more) => createClient({ url, auth, transport, watchEvents: false, ...more })

async function calls(transport) {
  const xapi = client(transport)
  await xapi.connect()
  const { sessionId } = xapi
  const pool = xapi.pool.$ref
  const task = await xapi.call('Async.Walk.echo', 'x')
  const other = client(transport, { auth: { sessionId } })
  await other.connect()
  const seen = {
    status: xapi.status,
    echo: await xapi.call('Walk.echo', 5, -1, 'text & <more>', true, false, 1.5, null, ['a', []], { k: { l: 'm' } }, ''),
    failure: await failureOf(xapi.call('Walk.fail')),
    unknown: await failureOf(xapi.call('Walk.unknown')),
    handle: await failureOf(xapi.getRecord('task', 'OpaqueRef:none')),
    session: await failureOf(xapi.call('session.logout')),
    isTask: task.startsWith('OpaqueRef:'),
    pool: (await xapi.getRecord('pool', pool)).uuid === xapi.pool.uuid,
    byUuid: (await xapi.getRecordByUuid('pool', xapi.pool.uuid)).$ref === pool,
    master: (await xapi.getField('pool', pool, 'master')) === xapi.pool.master,
    hosts: (await xapi.getAllRecords('host')).map(host => host.$ref),
    shared: await other.call('Walk.echo', 'y'),
    wrong: await failureOf(client(transport, { auth: { ...auth, password: 'wrong' } }).connect()),
  }
  seen.hosts = seen.hosts.includes(xapi.pool.master)
  await xapi.disconnect()
  seen.disconnected = xapi.status
  // The library does not wait for the logout.
  do {
    seen.loggedOut = await failureOf(other.call('Walk.echo', 'z'))
  } while (seen.loggedOut === NO_FAILURE)
  return seen
}

const PATIENCE = 30e3

// Resolves once the cached objects fulfil a condition.
const cached = (xapi, condition) =>
  new Promise((resolve, reject) => {
    const end = settle => {
      clearTimeout(timer)
      xapi.objects.off('finish', look)
      settle()
    }
    const look = () => {
      if (condition(Object.values(xapi.objects.all))) {
        end(resolve)
      }
    }
    const timer = setTimeout(() => end(() => reject(new Error(`never: ${condition}`))), PATIENCE)
    xapi.objects.on('finish', look)
    look()
  })

const tasks = xapi => Object.values(xapi.objects.all).filter(object => object.$type === 'task')

async function events(transport) {
  const xapi = client(transport, { watchEvents: true, debounce: 1 })
  const other = client(transport)
  await Promise.all([xapi.connect(), other.connect()])
  await xapi.objectsFetched
  const before = new Set(tasks(xapi).map(task => task.$ref))
  const own = () => tasks(xapi).filter(task => !before.has(task.$ref))
  const seen = {
    types: [...new Set(Object.values(xapi.objects.all).map(object => object.$type))],
    master: xapi.pool.$master.$type,
    result: await xapi.callAsync('Walk.echo', 5, 'text & <more>', { k: ['v'] }),
    failure: await failureOf(xapi.callAsync('Walk.fail')),
    unknown: await failureOf(xapi.callAsync('Walk.unknown')),
  }

  const { cancel, token } = CancelToken.source()
  const sleeping = failureOf(xapi.callAsync(token, 'Walk.sleep'))
  await cached(xapi, () => own().some(task => task.name_label === 'Async.Walk.sleep'))
  cancel()
  seen.cancelled = await sleeping

  // The library destroys each task of its own once it has ended.
  await cached(xapi, () => own().length === 0)
  seen.destroyed = true

  const task = await xapi.createTask('made by a client', 'description')
  await other.call('task.set_status', task, 'success')
  seen.created = await xapi.watchTask(task)

  await other.setFieldEntry('pool', other.pool.$ref, 'other_config', `walk-${transport}`, 'value')
  await cached(xapi, () => xapi.pool.other_config[`walk-${transport}`] === 'value')
  await xapi.barrier()
  await other.setFieldEntry('pool', other.pool.$ref, 'other_config', `walk-${transport}`, null)
  await cached(xapi, () => !(`walk-${transport}` in xapi.pool.other_config))
  seen.noticed = true

  seen.error = xapi.watchEventsError === undefined ? null : String(xapi.watchEventsError)
  await Promise.all([xapi.disconnect(), other.disconnect()])
  return seen
}

async function tasksOnly(transport) {
  const xapi = client(transport, { watchEvents: ['task'], debounce: 1 })
  await xapi.connect()
  await xapi.objectsFetched
  const seen = { only: await xapi.callAsync('Walk.echo', 'x') }
  await xapi.disconnect()
  return seen
}

for (const transport of ['auto', 'json-rpc', 'xml-rpc']) {
  const seen = watches ? { ...(await events(transport)), ...(await tasksOnly(transport)) } : await calls(transport)
  console.log(JSON.stringify({ transport, ...seen }))
}
process.exit(0)
