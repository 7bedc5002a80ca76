// What C++20 and 23 added to the language and its library, a little of each: it prints what tour20.expect has.
#include <algorithm>
#include <bit>
#include <chrono>
#include <compare>
#include <concepts>
#include <coroutine>
#include <cstdio>
#include <exception>
#include <expected>
#include <format>
#include <iostream>
#include <map>
#include <numbers>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

template <typename T>
concept Shape = requires(const T& shape) {
    { shape.area() } -> std::convertible_to<double>;
};

struct Square {
    double side;
    double area() const { return side * side; }
    auto operator<=>(const Square&) const = default;
};

static_assert(Shape<Square> && !Shape<int>);

double total(std::span<const Square> shapes) {
    double sum = 0;
    for (const Shape auto& shape : shapes) sum += shape.area();
    return sum;
}

// A generator, by hand.
struct Numbers {
    struct promise_type {
        int value = 0;
        Numbers get_return_object() { return Numbers{std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        std::suspend_always yield_value(int it) {
            value = it;
            return {};
        }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
    std::coroutine_handle<promise_type> handle;
    explicit Numbers(std::coroutine_handle<promise_type> it) : handle(it) {}
    Numbers(const Numbers&) = delete;
    ~Numbers() { handle.destroy(); }
    bool next() {
        handle.resume();
        return !handle.done();
    }
};

Numbers fibonacci(int count) {
    for (int a = 0, b = 1; count > 0; --count) {
        co_yield a;
        b = std::exchange(a, b) + b;
    }
}

consteval int cubed(int it) { return it * it * it; }

std::expected<int, std::string> parsed(const std::string& text) {
    int number = 0;
    for (char digit : text) {
        if (digit < '0' || digit > '9') return std::unexpected(std::format("`{}` is no number", text));
        number = number * 10 + (digit - '0');
    }
    return number;
}

int main() {
    const std::vector<Square> squares{{1}, {2.5}, {3}};
    std::cout << std::format("area {:.2f}, pi {:.5f}\n", total(squares), std::numbers::pi);

    auto even = std::views::iota(1, 20) | std::views::filter([](int it) { return it % 2 == 0; }) |
                std::views::transform([](int it) { return it * it; }) | std::views::take(4);
    for (int it : even) std::cout << std::format("{:>4}", it);
    std::cout << '\n';

    auto numbers = fibonacci(8);
    while (numbers.next()) std::cout << numbers.handle.promise().value << ' ';
    std::cout << '\n';

    std::map<std::string, int> counts;
    for (auto word : std::string_view{"to be or not to be"} | std::views::split(' ')) {
        ++counts[std::string(word.begin(), word.end())];
    }
    for (const auto& [word, count] : counts) std::cout << std::format("{}:{} ", word, count);
    std::cout << '\n';

    for (const auto* text : {"42", "4x"}) {
        const auto it = parsed(text).transform([](int number) { return number + 1; });
        std::cout << (it ? std::format("{}", *it) : it.error()) << '\n';
    }

    static_assert(cubed(3) == 27 && std::popcount(0xF0u) == 4);
    using namespace std::chrono;
    const year_month_day day = sys_days{2024y / February / 28} + days{2};
    std::cout << std::format("{} {}\n", day, Square{2} < Square{3});
    try {
        std::cout << std::vector<int>{}.at(1);
    } catch (const std::out_of_range&) {
        std::cout << "out of range\n";
    }
}
