/** Test support: what is true of a small mesh, and how single edits change it. */
import { typeUrls } from '../../envoy/index.js';
import type { ResourceChange, XdsResource } from '../resource.js';
import {
  cluster,
  endpoints,
  listener,
  meshScope,
  noEndpoints,
  route,
  virtualHost,
} from './resources.js';

const { cluster: cds, endpoint: eds, listener: lds, route: rds, virtualHost: vhds } = typeUrls;

/** One change; numbers choose names. */
export interface Edit {
  readonly what: 'cluster' | 'endpoints' | 'empty' | 'route' | 'host' | 'listener' | 'drop';
  readonly at: number;
  readonly to: number;
  readonly isBad: boolean;
}

/** Which types have forms that the client refuses. */
export type BadTypes = 'nothing' | 'routes' | 'anything';

/** What is true: resources by type and name; references always close. */
export class Truth {
  readonly tables = new Map<string, Map<string, XdsResource>>();
  /** The cluster that a route or virtual host refers to, by its type and name. */
  readonly targets = new Map<string, string>();
  private count = 0;
  private readonly bad: BadTypes;

  constructor(bad: BadTypes) {
    this.bad = bad;
    for (const typeUrl of [cds, eds, lds, rds, vhds]) this.tables.set(typeUrl, new Map());
  }

  /** The resources of a type, by name. */
  table(typeUrl: string): Map<string, XdsResource> {
    return this.tables.get(typeUrl) ?? new Map<string, XdsResource>();
  }

  /** Makes a resource true. */
  put(resource: XdsResource): ResourceChange {
    const { typeUrl, name } = resource;
    this.table(typeUrl).set(name, resource);
    return { scope: meshScope, typeUrl, name, resource };
  }

  /** A text that no resource has had yet; a bad one where it may and shall be. */
  text(typeUrl: string, isBad: boolean): string {
    this.count += 1;
    const mayBeBad =
      this.bad === 'anything' ? typeUrl !== eds : typeUrl === rds || typeUrl === vhds;
    return isBad && mayBeBad ? `bad${this.count}` : `v${this.count}`;
  }

  /** A new form of a cluster, with endpoints where it has none. */
  cluster(name: string, isBad: boolean): ResourceChange[] {
    const isEager = !name.startsWith('lazy');
    const own = cluster(name, this.text(cds, isBad), isEager);
    const made = [this.put(this.count % 3 === 0 ? { ...own, isEmpty: true } : own)];
    if (!this.table(eds).has(name)) made.push(this.put(endpoints(name, this.text(eds, false))));
    return made;
  }

  /** Makes an edit true; what must be told. */
  apply(edit: Edit): ResourceChange[] {
    const name = `c${edit.to}`;
    switch (edit.what) {
      case 'cluster':
        return this.cluster(name, edit.isBad);
      case 'endpoints':
        return this.table(cds).has(name) ? [this.put(endpoints(name, this.text(eds, false)))] : [];
      case 'empty':
        return this.table(cds).has(name)
          ? [this.put(noEndpoints(name, this.text(eds, false)))]
          : [];
      case 'route':
      case 'host': {
        const [typeUrl, own] =
          edit.what === 'route' ? [rds, `r${edit.at % 2}`] : [vhds, `http/h${edit.at}`];
        const made = this.table(cds).has(name) ? [] : this.cluster(name, false);
        this.targets.set(`${typeUrl} ${own}`, name);
        const text = this.text(typeUrl, edit.isBad);
        const one = edit.what === 'route' ? route(own, text, name) : virtualHost(own, text, name);
        return [...made, this.put(one)];
      }
      case 'listener':
        return [this.put(listener(`l${edit.at}`, this.text(lds, edit.isBad)))];
      case 'drop':
        return this.drop(edit);
    }
  }

  private drop({ at, to }: Edit): ResourceChange[] {
    const gone: ResourceChange[] = [];
    const remove = (typeUrl: string, name: string): void => {
      if (this.table(typeUrl).delete(name)) gone.push({ scope: meshScope, typeUrl, name });
      this.targets.delete(`${typeUrl} ${name}`);
    };
    remove(vhds, `http/h${at}`);
    remove(lds, `l${at}`);
    const name = `c${to}`;
    if (![...this.targets.values()].includes(name)) {
      remove(cds, name);
      remove(eds, name);
    }
    return gone;
  }
}
