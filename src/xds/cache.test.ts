/** The cache: what a view sees, and who is told. */
import { describe, expect, test } from '@jest/globals';
import { typeUrls } from '../envoy/index.js';
import { createResourceCache, type ScopedView } from './cache.js';
import { cluster, endpoints, remove, set } from './testing/resources.js';

const { cluster: cds, endpoint: eds } = typeUrls;

interface Heard {
  readonly view: ScopedView;
  readonly names: string[];
  readonly turns: number[];
}

function listen(cache: ReturnType<typeof createResourceCache>, scopes: readonly string[]): Heard {
  const names: string[] = [];
  const turns: number[] = [];
  const view = cache.open(scopes, {
    changed: (_typeUrl, name) => names.push(name),
    turn: (generation) => turns.push(generation),
  });
  return { view, names, turns };
}

describe('scopes', () => {
  test('of one name the nearest scope wins', () => {
    const cache = createResourceCache();
    cache.apply(1, [...set([cluster('a', 'far')]), ...set([cluster('a', 'near')], 'pod/x')]);
    const { version } = cluster('a', 'near');
    expect(cache.get(['mesh', 'pod/x'], cds, 'a')?.version).toBe(version);
    expect(cache.get(['mesh', 'pod/y'], cds, 'a')?.version).not.toBe(version);
    cache.apply(2, remove([cluster('a')], 'pod/x'));
    expect(cache.get(['mesh', 'pod/x'], cds, 'a')?.version).toBe(cluster('a', 'far').version);
  });

  test('the wildcard set holds eager resources, laid over each other', () => {
    const cache = createResourceCache();
    cache.apply(1, [
      ...set([cluster('a'), cluster('b'), cluster('lazy', '1', false)]),
      ...set([cluster('a', 'near'), cluster('b', 'hidden', false)], 'pod/x'),
    ]);
    const eager = cache.eager(['mesh', 'pod/x'], cds);
    expect([...eager.keys()]).toEqual(['a']);
    expect(eager.get('a')?.version).toBe(cluster('a', 'near').version);
  });

  test('what the mesh alone has of a type is handed out as it is, whatever else a pod has', () => {
    const cache = createResourceCache();
    const names = Array.from({ length: 20 }, (_, index) => `c${String(index)}`);
    cache.apply(1, [
      ...set(names.map((name) => cluster(name))),
      ...set([endpoints('own')], 'pod/x'),
    ]);
    const scopes = ['mesh', 'pod/x'];
    expect(cache.eager(scopes, cds).size).toBe(20);
    // A copy for each of a thousand streams takes seconds of a large mesh.
    expect(cache.eager(scopes, cds)).toBe(cache.eager(scopes, cds));
  });

  test('a scope that is emptied leaves nothing behind', () => {
    const cache = createResourceCache();
    cache.apply(1, set([cluster('a')], 'stream-1'));
    cache.apply(2, remove([cluster('a')], 'stream-1'));
    expect(cache.names('stream-1', cds)).toEqual([]);
    expect(cache.get(['stream-1'], cds, 'a')).toBeUndefined();
  });
});

describe('telling', () => {
  test('a change is told to those who asked for its name in its scope', () => {
    const cache = createResourceCache();
    const [a, b, elsewhere] = [['mesh'], ['mesh'], ['other']].map((scopes) =>
      listen(cache, scopes),
    );
    a?.view.watchName(eds, 'x');
    b?.view.watchName(eds, 'y');
    elsewhere?.view.watchName(eds, 'x');
    cache.apply(7, set([endpoints('x')]));
    expect([a?.names, b?.names, elsewhere?.names]).toEqual([['x'], [], []]);
    expect([a?.turns, b?.turns, elsewhere?.turns]).toEqual([[7], [], []]);
  });

  test('an endpoint change that nobody asked for is told to nobody', () => {
    const cache = createResourceCache();
    const heard = Array.from({ length: 100 }, () => listen(cache, ['mesh']));
    for (const { view } of heard) view.watchWildcard(cds);
    cache.apply(1, set([endpoints('x')]));
    expect(heard.flatMap(({ turns }) => turns)).toEqual([]);
  });

  test('a wildcard hears of what is, was or becomes eager, once', () => {
    const cache = createResourceCache();
    const { view, names } = listen(cache, ['mesh', 'pod/x']);
    view.watchWildcard(cds);
    view.watchName(cds, 'a');
    cache.apply(1, set([cluster('a'), cluster('lazy', '1', false)]));
    expect(names.splice(0)).toEqual(['a']);
    cache.apply(2, set([cluster('a', '1', false)]));
    expect(names.splice(0)).toEqual(['a']);
    cache.apply(3, set([cluster('b')]));
    cache.apply(4, set([cluster('b', 'shadow', false)], 'pod/x'));
    expect(names.splice(0)).toEqual(['b', 'b']);
  });

  test('the same version again is told to nobody', () => {
    const cache = createResourceCache();
    const { view, turns } = listen(cache, ['mesh']);
    view.watchName(eds, 'x');
    cache.apply(1, set([endpoints('x')]));
    cache.apply(2, set([endpoints('x')]));
    expect(turns).toEqual([1]);
    expect(view.generation()).toBe(2);
  });

  test('a closed or unwatched view hears nothing', () => {
    const cache = createResourceCache();
    const [a, b] = [listen(cache, ['mesh']), listen(cache, ['mesh'])];
    a.view.watchName(eds, 'x');
    b.view.watchName(eds, 'x');
    b.view.unwatchName(eds, 'x');
    a.view.close([[eds, ['x']]]);
    cache.apply(1, set([endpoints('x')]));
    expect([...a.turns, ...b.turns]).toEqual([]);
  });

  test('one change among 20,000 endpoints and 1,000 streams reaches its few subscribers', () => {
    const cache = createResourceCache();
    cache.apply(1, set(Array.from({ length: 20_000 }, (_, at) => endpoints(`e${at}`))));
    const heard = Array.from({ length: 1_000 }, (_, at) => {
      const one = listen(cache, ['mesh', `pod/${at}`]);
      for (let name = 0; name < 10; name += 1) one.view.watchName(eds, `e${at * 10 + name}`);
      return one;
    });
    cache.apply(2, set([endpoints('e4321', '2')]));
    expect(heard.flatMap(({ names }, at) => names.map((name) => `${at} ${name}`))).toEqual([
      '432 e4321',
    ]);
  });
});
