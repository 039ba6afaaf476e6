"""The words of the advertisements: features in groups that go together, and the ad text."""

# ruff: noqa: E501, RUF001 - the texts are meant to be read as a whole, with the dashes and quotes that people write


def _packs(text: str) -> tuple[str, ...]:
    """One group of features per line."""
    return tuple(line.strip() for line in text.strip().splitlines())


CAR_FEATURES = _packs("""
ABS (Antilock Brakes),EBD (Electronic Brake Force Distribution),Brake Assist,Electronic Stability Control,Traction Control System,Hill Holder,Autonomous Emergency Braking,Airbags - Driver & Passenger (Dual),Airbags - Side for 1st Row Occupants (Front),Airbags - Head for 1st Row Seats (Front)
Adaptive Cruise Control,Lane Departure Warning,Lane Keeping - Active Assist,Blind Spot Sensor,Collision Warning - Forward,Cross Traffic Alert - Rear,Driver Attention Detection,Traffic Sign Recognition,High Beam - Auto Dipping
Air Cond. - Climate Control 2 Zone,Air Conditioning - Rear,Heated Front Seats,Ventilated Front Seats,Electric Front Seat - Drivers,Memory Front Seat - Driver,Leather Seats - Partial,Lumbar Support - Electric,Armrest - Front Centre
Smart Device Integration - Apple CarPlay,Smart Device Integration - Android Auto,Touch Screen Controls,Digital Radio (DAB+),Speakers - 8,USB Data Socket(s),Wireless Charging - Compatible Devices,Bluetooth System,Satellite Navigation
Alloy Wheels - 18 Inch,Spare Wheel - Full Size Alloy,Tyre Pressure Sensor,Roof Rails,Side Steps,Tow Bar,Tow Bar Wiring Harness,Tub Liner,Bullbar,Snorkel,Cargo Tie Down Hooks/Rings,Skid Plate - Front
Camera - Rear Vision,Parking Distance Control - Front,Parking Distance Control - Rear,Camera - Front Vision,Reversing Camera Guidelines,360 Degree View Monitor,Parking Assist - Automated Steering
Headlamps - LED,Daytime Running Lamps - LED,Fog Lamps - Front,Headlamps Automatic (light sensitive),Tail Lamps - LED,Rain Sensor (Auto wipers),Power Door Mirrors - Heated,Power Door Mirrors - Folding,Privacy Glass
Central Locking - Remote/Keyless,Keyless Start,Engine Immobiliser,Alarm System/Remote Anti Theft,Power Windows - Front & Rear,Cup Holders - 1st Row,Cup Holders - 2nd Row,Power Steering - Electric Assist,Multi-function Steering Wheel
""")
TOURING_FEATURES = _packs("""
Roll-out Awning,Roof Hatch,Double Glazed Windows,Outside Entertainment Hatch,Annexe Lighting,Tunnel Boot,Picnic Table
Solar Panels 2 x 200W,Lithium Battery 200Ah,Battery Management System,240V Inlet,12V Sockets,LED Strip Lighting
Gas/Electric Cooktop,Microwave,Grill,Rangehood,Compressor Fridge 216L,Pull-out Pantry,Cafe Dinette
Separate Shower & Toilet,Top Loading Washing Machine,Vanity Basin,Gas/Electric Hot Water,2 x 95L Water Tanks
Independent Coil Suspension,Off-road Hitch,Electric Brakes,Stone Guard,Checker Plate,Jerry Can Holders,Jockey Wheel
""")
WORK_FEATURES = _packs("""
Electric Brakes,LED Lights,Spare Wheel,Jockey Wheel,Hot Dip Galvanised,Tie Down Rails,Checker Plate Floor
Exhaust Brake,Reversing Camera,Bluetooth Audio,Cruise Control,Driver Suspension Seat,UHF Radio,Rotating Beacon
ABS (Antilock Brakes),LED Headlamp,Quick Shifter,Heated Grips,Adjustable Suspension,Slipper Clutch,Ride Modes
Fish Finder/GPS Sounder,Bimini Top,Live Bait Tank,Rod Holders,Marine Radio,Electric Trim,Ski Hook,Aluminium Trailer
""")

_OPENINGS = (
    "Looking for a {title}? This {colour} example has just arrived at {dealer} and presents beautifully inside and out.",
    "A rare find – this {title} in {colour} has been looked after since day one and it shows.",
    "JUST ARRIVED! {title}, finished in {colour}. Sure to impress, and priced to sell.",
    "This {title} is ready for its next adventure. Finished in {colour}, it drives as good as it looks.",
)
_MIDDLES = (
    "It comes with a full service history, two keys and the owner’s books. Our workshop has carried out a 120-point inspection, and a fresh service is included before delivery.",
    "One owner from new with log books up to date. It has passed our workshop’s mechanical inspection and will be sold with a current roadworthy certificate.",
    "Every vehicle we sell is independently inspected, comes with guaranteed clear title and has its kilometres verified. You are welcome to bring your own mechanic.",
    "Carefully maintained, always garaged and never off the beaten track. The tyres were replaced recently and have plenty of life left in them.",
)
_OFFERS = (
    "We offer competitive finance from a panel of lenders, on-the-spot approvals to approved purchasers, and extended warranty up to five years. Trade-ins are welcome – top prices paid!",
    "Need finance? Our in-house specialists will tailor a package to suit your budget. All trade-ins considered, even if you still owe money on it.",
    "Interstate buyer? We arrange transport to your door anywhere in Australia, send a walk-around video on request and hold the vehicle with a small refundable deposit.",
)
_CLOSINGS = (
    "* Open 7 days\r\n* Family owned for over 30 years\r\n* More than {stock} vehicles in stock\r\n\r\nCall or come in and ask for our sales team at {place}. Test drives by appointment. Stock number {number}.",
    "Call now to book your test drive at {place} – this one won’t last long!\r\n\r\n<b>Price excludes on road costs unless stated otherwise.</b> Quote stock number {number}.",
    "Visit us in {place} or give us a call, we are always happy to help.\r\n\r\nWhile we make every effort to get the details right, please check with us before you buy. Ref. {number}.",
)


def advertisement(pick: int, **facts: object) -> str:
    """Ad text of four paragraphs. `pick` chooses the wording; `facts` are title, colour, dealer,
    place, stock and number."""
    parts = (
        _OPENINGS[pick % 4],
        _MIDDLES[pick // 4 % 4],
        _OFFERS[pick // 16 % 3],
        _CLOSINGS[pick // 48 % 3],
    )
    return "\r\n\r\n".join(parts).format(**facts)
