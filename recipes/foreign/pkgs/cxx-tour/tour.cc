// A tour of the C++20 standard library. Each stop prints one line, the same on every machine.
#include <algorithm>
#include <any>
#include <array>
#include <atomic>
#include <barrier>
#include <bit>
#include <bitset>
#include <charconv>
#include <chrono>
#include <compare>
#include <complex>
#include <concepts>
#include <condition_variable>
#include <coroutine>
#include <deque>
#include <exception>
#include <filesystem>
#include <forward_list>
#include <fstream>
#include <functional>
#include <future>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <latch>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <numbers>
#include <numeric>
#include <optional>
#include <queue>
#include <random>
#include <ranges>
#include <ratio>
#include <regex>
#include <semaphore>
#include <set>
#include <shared_mutex>
#include <source_location>
#include <span>
#include <sstream>
#include <stack>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <type_traits>
#include <typeindex>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <valarray>
#include <variant>
#include <vector>

namespace {

using namespace std::literals;

template <typename T>
concept Number = std::integral<T> || std::floating_point<T>;

template <Number T>
constexpr T square(T x) { return x * x; }

struct Version {
    int major, minor;
    auto operator<=>(const Version &) const = default;
};

// Numbers, one by one, as somebody asks for them.
struct Numbers {
    struct promise_type {
        int value = 0;
        Numbers get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        std::suspend_always yield_value(int v) { value = v; return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
    std::coroutine_handle<promise_type> handle;
    Numbers(std::coroutine_handle<promise_type> h) : handle(h) {}
    Numbers(const Numbers &) = delete;
    ~Numbers() { handle.destroy(); }
    std::optional<int> next() {
        handle.resume();
        if (handle.done()) return std::nullopt;
        return handle.promise().value;
    }
};

Numbers fibonacci(int most) {
    for (int a = 0, b = 1; a <= most; a = std::exchange(b, a + b)) co_yield a;
}

std::string joined(const auto &range) {
    std::ostringstream text;
    for (const char *between = ""; const auto &it : range) {
        text << between << it;
        between = " ";
    }
    return text.str();
}

void containers() {
    std::vector v{5, 3, 1, 4, 2};
    std::ranges::sort(v);
    std::deque d(v.rbegin(), v.rend());
    std::list l(d.begin(), d.end());
    l.splice(l.begin(), l, std::prev(l.end()));
    std::forward_list f(l.begin(), l.end());
    f.reverse();
    std::cout << "containers: " << joined(v) << " | " << joined(d) << " | " << joined(l) << " | " << joined(f) << '\n';
    std::map<std::string, int> count;
    for (auto word : {"a"s, "b"s, "a"s}) ++count[word];
    std::multiset<int> many{2, 1, 2};
    std::unordered_map<int, std::string_view> names{{1, "one"}, {2, "two"}};
    std::unordered_set<int> seen{1, 1, 2};
    std::priority_queue<int> queue;
    for (int x : v) queue.push(square(x));
    std::stack<int> stack({1, 2, 3});
    std::cout << "counts: " << count["a"] << count["b"] << ' ' << many.count(2) << ' ' << names.at(2) << ' '
              << seen.size() << ' ' << queue.top() << ' ' << stack.top() << ' '
              << std::bitset<8>(0b1011).count() << '\n';
}

void ranges_and_numbers() {
    auto odd = std::views::iota(1) | std::views::filter([](int x) { return x % 2; }) | std::views::take(5)
        | std::views::transform(square<int>);
    std::vector<int> squares;
    std::ranges::copy(odd, std::back_inserter(squares));
    std::cout << "ranges: " << joined(squares) << ", sum " << std::accumulate(squares.begin(), squares.end(), 0)
              << ", gcd " << std::gcd(84, 36) << ", bits " << std::popcount(255u) << ' '
              << std::bit_width(1000u) << '\n';
    std::valarray<double> line{1, 2, 3};
    line *= 2.5;
    std::complex<double> z = std::polar(2.0, std::numbers::pi / 2);
    std::cout << "numbers: " << std::fixed << std::setprecision(3) << line.sum() << ' ' << z.imag() << ' '
              << std::numbers::e << ' ' << std::midpoint(1, 9) << ' ' << std::numeric_limits<int>::max() << ' '
              << std::ratio_add<std::ratio<1, 3>, std::ratio<1, 6>>::den << '\n';
    // Generators are specified to the bit; distributions are not.
    std::mt19937_64 twister;
    twister.discard(9999);
    std::minstd_rand small;
    small.discard(9999);
    std::cout << "random: " << twister() << ' ' << small() << '\n';
}

void text() {
    std::regex words("([a-z]+)=([0-9]+)");
    std::string given = "width=80, height=24";
    for (std::sregex_iterator it(given.begin(), given.end(), words), end; it != end; ++it)
        std::cout << (*it)[1] << ':' << (*it)[2] << ' ';
    char digits[64];
    auto [end, error] = std::to_chars(digits, digits + sizeof digits, 0.1);
    int parsed = 0;
    std::from_chars("ff", "ff" + 2, parsed, 16);
    std::cout << "text: " << std::string_view(digits, end - digits) << ' ' << (error == std::errc{}) << ' ' << parsed
              << ' ' << std::quoted("a \"b\"") << ' ' << "stele"sv.starts_with("st") << ' ' << std::hex << std::showbase
              << 48879 << std::dec << std::noshowbase << '\n';
}

void values() {
    std::variant<int, std::string> either = "text";
    std::any any = 1.5;
    auto [one, two] = std::tuple{1, "two"};
    std::optional<Version> found = Version{1, 2};
    auto shown = std::visit([](const auto &it) -> std::string {
        if constexpr (std::is_same_v<std::decay_t<decltype(it)>, int>) return "int";
        else return "string " + it;
    }, either);
    std::cout << "values: " << shown << ' ' << std::any_cast<double>(any) << ' ' << one << two << ' '
              << (*found < Version{1, 10}) << ' ' << (std::type_index(any.type()) == std::type_index(typeid(double)))
              << ' ' << std::source_location::current().line() << '\n';
    std::pmr::monotonic_buffer_resource pool;
    std::pmr::vector<std::pmr::string> pooled({"a", "longer than any small string is"}, &pool);
    auto shared = std::make_shared<int>(7);
    std::weak_ptr weak = shared;
    auto unique = std::make_unique<std::array<int, 3>>(std::array{1, 2, 3});
    std::function<int(int)> twice = std::bind_front(std::multiplies{}, 2);
    shared.reset();
    std::cout << "memory: " << pooled[1].size() << ' ' << weak.expired() << ' ' << std::span(*unique).last(2)[0] << ' '
              << twice(21) << '\n';
    try {
        std::vector<int>{}.at(1);
    } catch (const std::out_of_range &) {
        try {
            std::throw_with_nested(std::runtime_error("outer"));
        } catch (const std::exception &outer) {
            std::cout << "thrown: " << outer.what() << '\n';
        }
    }
}

void threads() {
    std::atomic<int> sum = 0;
    std::mutex lock;
    std::condition_variable ready;
    bool is_ready = false;
    std::latch begun(4);
    std::barrier together(4);
    std::counting_semaphore<2> two(2);
    std::shared_mutex readers;
    std::vector<int> order(4);
    {
        std::vector<std::jthread> all;
        for (int n = 0; n < 4; ++n)
            all.emplace_back([&, n] {
                begun.count_down();
                std::unique_lock held(lock);
                ready.wait(held, [&] { return is_ready; });
                held.unlock();
                two.acquire();
                sum += square(n);
                two.release();
                together.arrive_and_wait();
                std::shared_lock reading(readers);
                order[n] = sum;
            });
        begun.wait();
        std::scoped_lock held(lock);
        is_ready = true;
        ready.notify_all();
    }
    auto later = std::async(std::launch::async, [] { return std::accumulate(std::istream_iterator<int>(), {}, 42); });
    std::cout << "threads: " << joined(order) << ' ' << later.get() << '\n';
}

void files() {
    namespace fs = std::filesystem;
    auto folder = fs::temp_directory_path() / "cxx-tour";
    fs::create_directories(folder / "a/b");
    std::ofstream(folder / "a/b/file.txt") << "one\ntwo\n";
    std::vector<std::string> names;
    for (const auto &it : fs::recursive_directory_iterator(folder))
        names.push_back(it.path().lexically_relative(folder).generic_string());
    std::ranges::sort(names);
    std::ifstream in(folder / "a/b/file.txt");
    std::vector<std::string> lines(std::istream_iterator<std::string>(in), {});
    std::cout << "files: " << joined(names) << " = " << joined(lines) << ", removed " << fs::remove_all(folder) << '\n';
}

void time() {
    using namespace std::chrono;
    // 1 is what every build takes for its date.
    constexpr sys_seconds built{1s};
    constexpr year_month_day leap = 2024y / February / last;
    static_assert(leap.ok() && leap.day() == 29d);
    auto day = floor<days>(built);
    hh_mm_ss clock(built - day);
    std::cout << "time: " << int(year_month_day(day).year()) << ' ' << clock.seconds().count() << "s, "
              << duration_cast<milliseconds>(90min).count() << "ms, day "
              << weekday(sys_days(leap)).iso_encoding() << '\n';
}

}  // namespace

int main() {
    std::cout << std::boolalpha;
    containers();
    ranges_and_numbers();
    text();
    values();
    threads();
    files();
    time();
    std::vector<int> numbers;
    for (auto all = fibonacci(50); auto next = all.next();) numbers.push_back(*next);
    std::cout << "coroutine: " << joined(numbers) << '\n';
}
