//! Orders and customers, and orders that change their amount. The same every time.

use super::Content;

/// How much.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub orders: u64,
    pub customers: u64,
    /// Batches of updates.
    pub batches: u64,
    /// Updates in a batch.
    pub batch: u64,
}

impl Size {
    /// The size of that name.
    pub fn named(name: &str) -> Size {
        match name {
            "quick" => Size { orders: 200_000, customers: 20_000, batches: 50, batch: 1_000 },
            _ => Size { orders: 1_000_000, customers: 100_000, batches: 200, batch: 1_000 },
        }
    }
}

const REGIONS: u64 = 50;
const ORDERS_PER_BATCH: u64 = 50_000;
const CENTS: u64 = 1_000_000;

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Order {
    pub id: i64,
    pub customer: i64,
    pub cents: i64,
}

/// A customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Customer {
    pub id: i64,
    pub region: i64,
}

/// Changes at one time.
#[derive(Default)]
pub struct Batch {
    /// New customers.
    pub customers: Vec<Customer>,
    /// Orders, as they were if they existed, and as they are.
    pub orders: Vec<(Option<Order>, Order)>,
}

/// The data set as it is now.
pub struct Workload {
    size: Size,
    cents: Vec<i64>,
    random: u64,
}

impl Workload {
    /// Before the first update.
    pub fn new(size: Size) -> Workload {
        let cents = (0..size.orders).map(|id| (scatter(id * 3 + 1) % CENTS) as i64).collect();
        Workload { size, cents, random: 42 }
    }

    /// Rows of both tables.
    pub fn rows(&self) -> u64 {
        self.size.orders + self.size.customers
    }

    fn order(&self, id: u64) -> Order {
        Order { id: id as i64, customer: customer_of(id, self.size) as i64, cents: self.cents[id as usize] }
    }

    /// The first load: customers, then orders.
    pub fn load(&self) -> impl Iterator<Item = Batch> {
        let customers = (0..self.size.customers).map(|id| Customer { id: id as i64, region: region_of(id) });
        let customers = Batch { customers: customers.collect(), ..Batch::default() };
        let starts = (0..self.size.orders).step_by(ORDERS_PER_BATCH as usize);
        let orders = starts.map(|start| {
            let end = (start + ORDERS_PER_BATCH).min(self.size.orders);
            Batch { orders: (start..end).map(|id| (None, self.order(id))).collect(), ..Batch::default() }
        });
        std::iter::once(customers).chain(orders)
    }

    /// The updates: each gives a random order another amount.
    pub fn updates(&mut self) -> impl Iterator<Item = Batch> {
        let Size { batches, batch, .. } = self.size;
        (0..batches).map(move |_| {
            let orders = (0..batch).map(|_| self.update()).collect();
            Batch { orders, ..Batch::default() }
        })
    }

    fn update(&mut self) -> (Option<Order>, Order) {
        self.random = scatter(self.random);
        let id = self.random % self.size.orders;
        let before = self.order(id);
        self.cents[id as usize] = ((self.random >> 32) % CENTS) as i64;
        (Some(before), self.order(id))
    }

    /// What the view must show.
    pub fn content(&self) -> Content {
        let mut content = Content::new();
        for id in 0..self.size.orders {
            let order = self.order(id);
            let (orders, cents) = content.entry(region_of(order.customer as u64)).or_default();
            *orders += 1;
            *cents += i128::from(order.cents);
        }
        content
    }
}

fn customer_of(order: u64, size: Size) -> u64 {
    scatter(order) % size.customers
}

fn region_of(customer: u64) -> i64 {
    (scatter(customer + 77) % REGIONS) as i64
}

/// Splitmix64: neighbours fall far apart.
fn scatter(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
