//! Engine and shaping in virtual time, under everything that happens to them at once: crowds, leavers, catalogs adopted
//! in mid-flow, nodes that fail, rules that come to grief, a process that stalls, a wall clock that jumps.
//!
//! `SIM_SEED=7` plays one seed, `SIM_SEEDS=10000` plays that many; a failure names its seed.

mod scene;
mod world;

use scene::Scene;
use world::{Extra, Tally, World};

/// Seeds of an ordinary run.
const SEEDS: u64 = 256;

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "which seeds to play is said on the command line")]
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap())
}

/// Names the seed of a world that breaks a law.
struct Named(u64);

impl Drop for Named {
    #[expect(clippy::print_stdout, reason = "the seed is what the reader of a failure needs")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("this was seed {0}; again: SIM_SEED={0} cargo test -p engine simulation", self.0);
        }
    }
}

/// Plays one seed three times: as it is, the same again, and with the catalog in force adopted again and again.
fn play(seed: u64, tally: &mut Tally) {
    let _named = Named(seed);
    let mut world = World::new(Scene::of(seed), Extra::Nothing);
    let written = world.run();
    tally.add(world.tally());
    let again = World::new(Scene::of(seed), Extra::Nothing).run();
    assert!(written == again, "the same seed gave other records:\n{written}\n{again}");
    let adopted = World::new(Scene::of(seed), Extra::SameCatalogs).run();
    assert!(written == adopted, "the same catalog changed something:\n{written}\n{adopted}");
}

#[test]
fn the_laws_hold_under_reloads_leavers_and_jumps() {
    let mut tally = Tally::default();
    if let Some(seed) = setting("SIM_SEED") {
        return play(seed, &mut tally);
    }
    let seeds = setting("SIM_SEEDS").unwrap_or(SEEDS);
    for seed in 0..seeds {
        play(seed, &mut tally);
    }
    println!("{seeds} seeds: {tally:?}");
    if seeds >= SEEDS {
        // What never happens is not tested.
        tally.assert_everything_happened();
    }
}
