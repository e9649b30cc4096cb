// SPDX-License-Identifier: Apache-2.0
//! Lists that made-up values are put together from.
//!
//! Nothing here stands for a person or a company. Adding to a list changes what a seed gives.

/// First names.
#[rustfmt::skip]
pub(super) const FIRST_NAMES: &[&str] = &[
    "Ada", "Alan", "Alice", "Amara", "Amelia", "Amina", "Anders", "Andrea", "Anna", "Antonio", "Arjun",
    "Astrid", "Ava", "Beatriz", "Ben", "Bianca", "Bruno", "Camille", "Carla", "Carlos", "Chen", "Chloe",
    "Clara", "Daniel", "David", "Diego", "Dmitri", "Edith", "Elena", "Elias", "Elif", "Emil", "Emma",
    "Erik", "Esther", "Eva", "Fatima", "Felix", "Fiona", "Frida", "Gabriel", "George", "Grace", "Greta",
    "Hana", "Hannah", "Hassan", "Helen", "Henry", "Hiro", "Hugo", "Ibrahim", "Ida", "Igor", "Ines",
    "Ingrid", "Isaac", "Isabel", "Ivan", "Jack", "James", "Jana", "Javier", "Jonas", "Julia", "Kai",
    "Karim", "Katja", "Kenji", "Lara", "Lars", "Laura", "Leila", "Leo", "Lina", "Linus", "Lucas", "Lucia",
    "Luis", "Maja", "Marco", "Maria", "Marta", "Mateo", "Maya", "Mei", "Mia", "Milan", "Mohamed", "Nadia",
    "Naomi", "Nils", "Nina", "Noah", "Nora", "Olga", "Oliver", "Omar", "Oscar", "Paula", "Pedro", "Petra",
    "Priya", "Rafael", "Rosa", "Ruth", "Samir", "Sara", "Sofia", "Stefan", "Tara", "Theo", "Tomas", "Uma",
    "Vera", "Victor", "Wanda", "Yara", "Yuki", "Zoe",
];

/// Last names.
#[rustfmt::skip]
pub(super) const LAST_NAMES: &[&str] = &[
    "Adams", "Ahmed", "Ali", "Allen", "Almeida", "Andersen", "Andersson", "Baker", "Barbosa", "Bauer",
    "Becker", "Bell", "Bergman", "Bernard", "Bianchi", "Brown", "Campbell", "Carter", "Castro", "Chen",
    "Clark", "Collins", "Conti", "Cooper", "Costa", "Cruz", "Davies", "Davis", "Delgado", "Diaz",
    "Dubois", "Edwards", "Eriksson", "Evans", "Fernandez", "Ferrari", "Fischer", "Fontaine", "Foster",
    "Garcia", "Gomez", "Gonzalez", "Gray", "Green", "Gupta", "Hall", "Hansen", "Harris", "Hassan",
    "Hernandez", "Hill", "Hoffmann", "Hughes", "Ito", "Ivanov", "Jackson", "Jansen", "Jensen",
    "Johansson", "Johnson", "Jones", "Kaya", "Keller", "Kelly", "Khan", "Kim", "King", "Klein", "Kovacs",
    "Kowalski", "Kumar", "Lambert", "Larsen", "Laurent", "Lee", "Lewis", "Lopez", "Martin", "Martinez",
    "Mbeki", "Meyer", "Miller", "Mitchell", "Moore", "Moreau", "Morris", "Murphy", "Nakamura", "Nguyen",
    "Nielsen", "Novak", "Okafor", "Olsen", "Ortiz", "Park", "Patel", "Perez", "Petrov", "Popescu",
    "Ramos", "Reed", "Ricci", "Rivera", "Roberts", "Rossi", "Santos", "Sato", "Schmidt", "Schneider",
    "Scott", "Silva", "Singh", "Smith", "Suzuki", "Tanaka", "Taylor", "Thomas", "Turner", "Virtanen",
    "Walker", "Weber", "White", "Wilson", "Wood", "Wright", "Yilmaz", "Young", "Zhang",
];

/// Cities.
#[rustfmt::skip]
pub(super) const CITIES: &[&str] = &[
    "Abuja", "Accra", "Addis Ababa", "Algiers", "Amman", "Amsterdam", "Ankara", "Antwerp", "Asuncion",
    "Athens", "Atlanta", "Auckland", "Austin", "Baku", "Bangkok", "Barcelona", "Basel", "Beijing",
    "Belgrade", "Bergen", "Berlin", "Bern", "Bilbao", "Bogota", "Bologna", "Bordeaux", "Boston",
    "Bratislava", "Brisbane", "Bristol", "Brussels", "Bucharest", "Budapest", "Buenos Aires", "Cairo",
    "Calgary", "Canberra", "Cape Town", "Caracas", "Cardiff", "Casablanca", "Chennai", "Chicago",
    "Cologne", "Copenhagen", "Cork", "Dakar", "Dallas", "Delhi", "Denver", "Doha", "Dresden", "Dubai",
    "Dublin", "Edinburgh", "Florence", "Frankfurt", "Geneva", "Genoa", "Ghent", "Glasgow", "Gothenburg",
    "Graz", "Hamburg", "Hanoi", "Havana", "Helsinki", "Houston", "Istanbul", "Jakarta", "Kampala",
    "Kigali", "Krakow", "Kyoto", "Lagos", "Leeds", "Leipzig", "Lima", "Lisbon", "Ljubljana", "London",
    "Luanda", "Lyon", "Madrid", "Malmo", "Manila", "Marseille", "Melbourne", "Miami", "Milan",
    "Montevideo", "Montreal", "Mumbai", "Munich", "Nairobi", "Naples", "Nice", "Osaka", "Oslo", "Ottawa",
    "Paris", "Perth", "Porto", "Prague", "Quito", "Riga", "Rome", "Rotterdam", "Santiago", "Seattle",
    "Seoul", "Seville", "Singapore", "Sofia", "Stockholm", "Sydney", "Taipei", "Tallinn", "Tokyo",
    "Toronto", "Tunis", "Turin", "Valencia", "Vancouver", "Vienna", "Vilnius", "Warsaw", "Wellington",
    "Zagreb", "Zurich",
];

/// Countries.
#[rustfmt::skip]
pub(super) const COUNTRIES: &[&str] = &[
    "Albania", "Algeria", "Angola", "Argentina", "Armenia", "Australia", "Austria", "Azerbaijan",
    "Bahamas", "Bangladesh", "Barbados", "Belgium", "Belize", "Benin", "Bhutan", "Bolivia", "Botswana",
    "Brazil", "Bulgaria", "Burundi", "Cambodia", "Cameroon", "Canada", "Chad", "Chile", "China",
    "Colombia", "Costa Rica", "Croatia", "Cuba", "Cyprus", "Czechia", "Denmark", "Dominica", "Ecuador",
    "Egypt", "El Salvador", "Eritrea", "Estonia", "Ethiopia", "Fiji", "Finland", "France", "Gabon",
    "Gambia", "Georgia", "Germany", "Ghana", "Greece", "Grenada", "Guatemala", "Guinea", "Guyana",
    "Haiti", "Honduras", "Hungary", "Iceland", "India", "Indonesia", "Iraq", "Ireland", "Israel", "Italy",
    "Jamaica", "Japan", "Jordan", "Kazakhstan", "Kenya", "Kuwait", "Laos", "Latvia", "Lebanon", "Lesotho",
    "Liberia", "Lithuania", "Luxembourg", "Madagascar", "Malawi", "Malaysia", "Maldives", "Mali", "Malta",
    "Mauritius", "Mexico", "Moldova", "Mongolia", "Montenegro", "Morocco", "Mozambique", "Namibia",
    "Nepal", "Netherlands", "New Zealand", "Nicaragua", "Niger", "Nigeria", "Norway", "Oman", "Pakistan",
    "Panama", "Paraguay", "Peru", "Philippines", "Poland", "Portugal", "Qatar", "Romania", "Rwanda",
    "Samoa", "Senegal", "Serbia", "Singapore", "Slovakia", "Slovenia", "Somalia", "South Africa",
    "South Korea", "Spain", "Sri Lanka", "Sweden", "Switzerland", "Tanzania", "Thailand", "Togo", "Tonga",
    "Tunisia", "Turkey", "Uganda", "Ukraine", "United Kingdom", "United States", "Uruguay", "Vanuatu",
    "Vietnam", "Zambia", "Zimbabwe",
];

/// Words in lower case.
#[rustfmt::skip]
pub(super) const WORDS: &[&str] = &[
    "able", "amber", "anchor", "apple", "arrow", "autumn", "basket", "beacon", "bird", "blue", "boat",
    "book", "branch", "bread", "bridge", "bright", "brook", "candle", "canyon", "carbon", "castle",
    "cedar", "chair", "circle", "clear", "cloud", "coast", "copper", "coral", "corner", "cotton",
    "crystal", "dance", "dawn", "deep", "desert", "door", "dream", "drift", "eagle", "early", "earth",
    "east", "echo", "ember", "engine", "evening", "falcon", "field", "finch", "fire", "flame", "floor",
    "flower", "forest", "fossil", "fox", "frame", "garden", "gentle", "glass", "gold", "grain", "grass",
    "green", "harbor", "harvest", "hill", "hollow", "honey", "horizon", "house", "iron", "island",
    "ivory", "jade", "journey", "kettle", "ladder", "lake", "lamp", "lantern", "large", "leaf", "lemon",
    "light", "linen", "maple", "marble", "market", "meadow", "mirror", "moon", "morning", "moss",
    "mountain", "music", "needle", "north", "oak", "ocean", "olive", "orange", "paper", "path", "pearl",
    "pebble", "pepper", "pine", "planet", "plum", "pocket", "quiet", "rain", "raven", "ribbon", "river",
    "road", "rocket", "root", "sail", "salt", "sand", "shadow", "shell", "signal", "silver", "sky",
    "small", "snow", "south", "spark", "spring", "star", "stone", "storm", "stream", "summer", "table",
    "thunder", "timber", "tower", "train", "valley", "velvet", "violet", "water", "wave", "west", "wheat",
    "willow", "wind", "window", "winter", "wood", "yellow",
];

/// What companies are in.
#[rustfmt::skip]
pub(super) const INDUSTRIES: &[&str] = &[
    "Airlines", "Analytics", "Bakery", "Bank", "Books", "Brewing", "Capital", "Ceramics", "Chemicals",
    "Clinics", "Coffee", "Consulting", "Data", "Design", "Dynamics", "Electric", "Energy", "Engineering",
    "Farms", "Films", "Foods", "Freight", "Furniture", "Games", "Gardens", "Glass", "Health", "Hotels",
    "Insurance", "Labs", "Logistics", "Machines", "Marine", "Materials", "Media", "Metals", "Mobile",
    "Motors", "Networks", "Optics", "Paper", "Partners", "Pharma", "Plastics", "Press", "Rail",
    "Research", "Robotics", "Security", "Semiconductors", "Shipping", "Software", "Solar", "Solutions",
    "Steel", "Studios", "Supply", "Systems", "Technologies", "Telecom", "Textiles", "Tools", "Toys",
    "Trading", "Travel", "Ventures", "Works",
];

/// Forms of companies.
#[rustfmt::skip]
pub(super) const FORMS: &[&str] = &[
    "AG", "BV", "Co", "GmbH", "Group", "Inc", "LLC", "Ltd", "SA", "SpA",
];
